"""Our subjects: a training step, a forward pass; and a matrix product as the limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx
from omegaconf import DictConfig

from research import config
from research.benchmarks.timing import Subject, count_calls, seconds
from research.distributed import devices
from research.evals.engine.operations import xla_flops
from research.nn.cpu import convolution
from research.training.settings import parse_dtype
from research.training.step import Trainer

SIDE = {"cpu": 1024}  # of the matrices of a product that shows what a device can do
LARGE = 8192  # on an accelerator


def make_noise(cfg: DictConfig, count: int) -> dict[str, np.ndarray]:
    """Returns a batch of uint8 images of noise, labelled at random.

    They have the shape and the classes of the configured data.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *cfg.data.shape), dtype=np.uint8)
    labels = rng.integers(0, cfg.data.classes, count, dtype=np.int32)
    index = np.arange(count, dtype=np.int32)
    order = {"index": index, "epoch": np.zeros_like(index)}
    return {"image": images, "label": labels, **order}


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
    """Returns a compiled forward pass of the configured network, in inference mode.

    It computes in `train.dtype`; its parameters are cast once, the statistics of batch
    norm stay float32.
    """
    mesh = devices.mesh(batch)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    graph, *states = nnx.split(network, nnx.Param, ...)
    params, rest = states
    dtype = parse_dtype(cfg.train.dtype)
    cast = jax.tree.map(lambda p: p.astype(dtype), nnx.as_pure(params))
    state = devices.replicate((cast, nnx.as_pure(rest)), mesh)
    images = make_noise(cfg, batch)["image"].astype(np.float32) / 255
    images = devices.shard(images.astype(dtype), mesh)
    apply = jax.jit(lambda state, x: nnx.merge(graph, *state)(x))
    compiled = apply.lower(state, images).compile()
    return lambda: compiled(state, images)


def operations(cfg: DictConfig) -> float:
    """Returns the floating-point operations of a forward pass, an image."""
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    return xla_flops(network, tuple(cfg.data.shape))


def matrix_product(dtype: str = "float32") -> tuple[Subject, float]:
    """Returns a product of square matrices on every device, and its operations."""
    mesh = devices.mesh()
    size = SIDE.get(jax.default_backend(), LARGE)
    noise = np.random.default_rng(0).normal(size=(1, size, size)).astype(dtype)
    pair = devices.shard(np.repeat(noise, mesh.size, 0), mesh)
    product = jax.jit(lambda a, b: a @ b)  # anew for each precision
    return lambda: product(pair, pair), 2.0 * mesh.size * size**3


def peak_speed(dtype: str) -> float:
    """Returns the operations a second of a matrix product, the best of a few times.

    What a chip's data sheet names as its peak is out of reach; this is not.
    """
    product, work = matrix_product(dtype)
    seconds(product)
    calls = count_calls(product)
    return work / min(seconds(product, calls)[0] for _ in range(5))


def note_share(peak: float, work: float) -> Callable[[float], str]:
    """Returns a function from seconds to a note: the share of the peak they reach."""
    return lambda seconds: f"{work / seconds / peak:.0%} of a matrix product's speed"
