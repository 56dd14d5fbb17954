"""Our subjects: a training step, a forward pass; and a matrix product as the limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from omegaconf import DictConfig

from research import config
from research.benchmarks.timing import Subject
from research.distributed import devices
from research.evals.engine.operations import xla_flops
from research.nn.cpu import convolution
from research.training.step import Trainer


def make_noise(cfg: DictConfig, count: int) -> dict[str, np.ndarray]:
    """Returns a batch of uint8 images of noise, labelled at random.

    They have the shape and the classes of the configured data.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *cfg.data.shape), dtype=np.uint8)
    labels = rng.integers(0, cfg.data.classes, count, dtype=np.int32)
    return {"image": images, "label": labels}


def training_step(cfg: DictConfig, batch: int) -> Subject:
    """Returns a compiled training step of the configured network, on fixed data."""
    mesh = devices.mesh(batch)
    trainer = Trainer(
        config.network(cfg, rngs=nnx.Rngs(0)),
        task=config.task(cfg),
        optimizer=config.optimizer(cfg)(steps_per_epoch=100, epochs=100),
        augment=config.build_shared(cfg.augment),
        dtype=cfg.train.dtype,
        seed=0,
        mesh=mesh,
    )
    examples = devices.shard(make_noise(cfg, batch), mesh)
    state = [trainer.initial]  # donated to every step
    as_now = convolution.enabled(convolution.enabled.value)

    def step() -> Any:
        with as_now:
            state[0], _ = trainer.step(state[0], examples)
        return state[0].step

    jax.block_until_ready(step())
    return step


def forward_pass(cfg: DictConfig, batch: int) -> Subject:
    """Returns a compiled forward pass of the configured network, in inference mode."""
    mesh = devices.mesh(batch)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    graph, state = nnx.split(network)
    state = devices.replicate(nnx.as_pure(state), mesh)
    images = make_noise(cfg, batch)["image"].astype(np.float32) / 255
    images = devices.shard(images, mesh)
    apply = jax.jit(lambda state, x: nnx.merge(graph, state)(x))
    compiled = apply.lower(state, images).compile()
    return lambda: compiled(state, images)


def operations(cfg: DictConfig) -> float:
    """Returns the floating-point operations of a forward pass, an image."""
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    return xla_flops(network, tuple(cfg.data.shape))


def matrix_product(size: int = 1024) -> tuple[Subject, float]:
    """Returns a product of square matrices on every device, and its operations."""
    mesh = devices.mesh()
    pair = devices.shard(np.ones((mesh.size, size, size), np.float32), mesh)
    product = jax.jit(jnp.matmul)
    return lambda: product(pair, pair), 2.0 * mesh.size * size**3


def note_share(peak: float, work: float) -> Callable[[float], str]:
    """Returns a function from seconds to a note: the share of the peak they reach."""
    return lambda seconds: f"{work / seconds / peak:.0%} of a matrix product's speed"
