"""Training: independent of devices, resumable bit by bit, honest about divergence."""

import os
import signal
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config
from research.data.plan import Plan, epoch_order
from research.data.split import Split
from research.distributed import devices
from research.downsample import Downsample
from research.errors import Interrupted, UserError
from research.files.lines import MetricsFile, read_lines
from research.models.network import Network
from research.models.readout import Head, mean
from research.nn.layers import BatchNorm, ConvNormAct, Undecayed
from research.tasks.losses import cross_entropy
from research.training import optim
from research.training.batches import Host, Resident
from research.training.checkpoint import Checkpoints
from research.training.loop import fit, restored
from research.training.step import Trainer, jitted

TIMES = ("examples_per_second", "input_wait")
EXAMPLES = 70  # 4 batches of 16, and 6 left over


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, EXAMPLES).astype(np.int32)
    images = rng.integers(0, 60, (EXAMPLES, 8, 8, 1))
    images += 80 * labels[:, None, None, None]  # the class is the brightness
    return Split.labelled(images.astype(np.uint8), labels)


class Noisy(nnx.Module):
    """Everything that a checkpoint must hold: statistics and a random stream."""

    stride = (1, 1)

    def __init__(self, rngs):
        self.conv = ConvNormAct(1, 4, norm=BatchNorm, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        return self.drop(self.conv(x))


def network(seed=0):
    rngs = nnx.Rngs(seed)
    stages = [Noisy(rngs), Downsample(4, rngs=rngs)]
    head = partial(Head, classes=3, pool=mean, units=8)
    return Network((8, 8, 1), stages, head, mean=0.3, std=0.2, rngs=rngs)


adam = partial(
    optim.build,
    direction=optax.scale_by_adam,
    learning_rate=0.05,
    schedule=optim.cosine,
    weight_decay=1e-3,
)


def train(folder, split, **settings):
    with MetricsFile(folder) as metrics:
        return fit(
            network(),
            split,
            loss=cross_entropy,
            optimizer=adam,
            augment=lambda images, key: (
                images + 0.01 * jax.random.normal(key, images.shape)
            ),
            checkpoints=Checkpoints(folder / "checkpoints"),
            metrics=metrics,
            **{"epochs": 3, "batch_size": 16, "seed": 1} | settings,
        )


def leaves(network):
    return [np.asarray(x) for x in jax.tree.leaves(nnx.state(network, nnx.Param))]


def identical(a, b):
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, split):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, train(folder, split)


def test_it_learns_and_says_so(uninterrupted, split):
    rows = read_lines(uninterrupted[0] / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert rows[-1]["step"] == 3 * (EXAMPLES // 16)


def test_a_second_run_is_the_same(uninterrupted, tmp_path, split):
    assert identical(uninterrupted[1], train(tmp_path, split))
    assert not identical(uninterrupted[1], train(tmp_path / "b", split, seed=2))


@pytest.mark.parametrize("stop", [1, 4, 11])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_goes_on_bit_by_bit(
    uninterrupted, tmp_path, split, stop, number
):
    def strike(step, text):
        if step == stop:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as stopped:
        train(tmp_path, split, show=strike)
    assert stopped.value.code == 128 + number
    assert Checkpoints(tmp_path / "checkpoints").steps()[-1] in (stop, stop + 1)
    assert identical(uninterrupted[1], train(tmp_path, split))
    whole, pieced = (
        [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
        for rows in map(
            lambda f: read_lines(f / "metrics.jsonl"), (uninterrupted[0], tmp_path)
        )
    )
    assert whole == pieced


def test_a_saved_run_comes_back(uninterrupted, split):
    folder, trained = uninterrupted
    again = restored(network(seed=5), Checkpoints(folder / "checkpoints"))
    images = jnp.asarray(split.images / np.float32(255))
    np.testing.assert_array_equal(again(images), trained(images))


def test_one_device_and_two_agree(split):
    def step(count):
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), ("data",))
        trainer = Trainer(
            network(),
            loss=cross_entropy,
            optimizer=optax.sgd(0.1),
            augment=lambda images, key: images,
            dtype="float32",
            seed=0,
            mesh=mesh,
        )
        batch = Resident(split, mesh).batch(np.arange(16))
        state = trainer.step(trainer.initial, *batch)
        return leaves(trainer.network(state)), float(state.sums["loss"])

    assert len(jax.devices()) == 2
    one, two = step(1), step(2)
    assert one[1] == pytest.approx(two[1], rel=1e-5)
    for a, b in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("head", ["flatten", "gap", "grid"])
def test_seeds_of_one_sweep_share_a_compiled_step(split, head):
    """And do not share what follows from the seed."""
    words = ["model=tiny", "optim=sgd", "augment=circular", "data.shape=[8,8,1]"]
    words.append(f"model/head={head}")
    jitted.cache_clear()
    found = []
    for seed in (0, 1, 0):
        cfg = config.compose(*words, f"seed={seed}")
        trainer = Trainer(
            config.network(cfg, rngs=nnx.Rngs(0)),
            loss=config.shared(cfg.loss),
            optimizer=config.optimizer(cfg)(steps_per_epoch=4, epochs=2),
            augment=config.shared(cfg.augment),
            dtype="float32",
            seed=seed,
            mesh=devices.mesh(16),
        )
        batch = Resident(split, trainer.mesh).batch(np.arange(16))
        state = trainer.step(trainer.initial, *batch)
        found.append(leaves(trainer.network(state)))
    assert jitted.cache_info()[:2] == (2, 1)
    assert trainer._step._cache_size() == 1
    same = [all(map(np.array_equal, found[0], other)) for other in found[1:]]
    assert same == [False, True]


def test_mesh_takes_the_devices_that_divide_the_batch():
    assert devices.mesh(16).size == 2
    assert devices.mesh(15).size == 1


def test_bfloat16_computes_in_it_and_keeps_float32(tmp_path, split):
    kinds = set()

    def spy(network, images, labels):
        kinds.add(images.dtype.name)
        kinds.add(network.stages[0].conv.conv.kernel[...].dtype.name)
        return cross_entropy(network, images, labels)

    with MetricsFile(tmp_path) as metrics:
        trained = fit(
            network(),
            split,
            loss=spy,
            optimizer=adam,
            augment=lambda images, key: images,
            checkpoints=Checkpoints(tmp_path / "checkpoints"),
            metrics=metrics,
            epochs=1,
            batch_size=16,
            dtype="bfloat16",
        )
    assert kinds == {"bfloat16"}
    assert all(leaf.dtype == np.float32 for leaf in leaves(trained))
    assert trained.stages[0].conv.norm.mean[...].dtype == jnp.float32


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, split):
    def poisoned(network, images, labels):
        loss, logits = cross_entropy(network, images, labels)
        return loss / (labels.sum() * 0), logits

    with MetricsFile(tmp_path) as metrics, pytest.raises(UserError) as stopped:
        fit(
            network(),
            split,
            loss=poisoned,
            optimizer=adam,
            augment=lambda images, key: images,
            checkpoints=Checkpoints(tmp_path / "checkpoints"),
            metrics=metrics,
            batch_size=16,
        )
    assert "step 1 " in str(stopped.value) and "optim.learning_rate" in str(
        stopped.value
    )
    assert Checkpoints(tmp_path / "checkpoints").steps() == []


def test_a_batch_larger_than_the_split_is_refused(tmp_path, split):
    with pytest.raises(UserError, match="train.batch_size=71 for 70 training"):
        train(tmp_path, split, batch_size=71)


def test_feeds_give_the_same_batches(split):
    mesh, order = devices.mesh(16), epoch_order(EXAMPLES, seed=3, epoch=2)[:16]
    for a, b in zip(
        Resident(split, mesh).batch(order), Host(split, mesh).batch(order), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        assert a.sharding.is_equivalent_to(b.sharding, a.ndim)


def test_an_epoch_is_a_permutation_of_its_own():
    first, second = (epoch_order(50, seed=0, epoch=e) for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)


def test_each_epoch_of_a_plan_takes_every_example_at_most_once():
    plan = Plan(EXAMPLES, batch_size=16, epochs=3, seed=5)
    assert len(plan) == 12
    for epoch in range(3):
        taken = [i for step in range(4) for i in plan[4 * epoch + step]]
        order = epoch_order(EXAMPLES, seed=5, epoch=epoch)
        assert taken == order[:64].tolist()


def test_weight_decay_spares_biases_norms_and_undecayed():
    class Parts(nnx.Module):
        def __init__(self):
            self.kernel = nnx.Param(jnp.ones((2, 2)))
            self.free = Undecayed(jnp.ones((2, 2)))
            self.bias = nnx.Param(jnp.ones(2))

    params = nnx.state(Parts(), nnx.Param)
    chain = optim.build(
        direction=optax.identity,
        learning_rate=1.0,
        schedule=optim.constant,
        weight_decay=0.1,
        steps_per_epoch=1,
        epochs=1,
    )
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = chain.update(zeros, chain.init(params), params)
    moved = {name: float(jnp.abs(updates[name][...]).max()) for name in updates}
    assert moved == pytest.approx({"kernel": 0.1, "free": 0.0, "bias": 0.0})


@pytest.mark.parametrize(
    "words",
    [
        ["model=chollet"],
        ["model=local"],
        ["model=resnet20"],
        ["model=capsnet_small"],
        ["model=vit_tiny", "model.class_token=true"],
    ],
    ids=lambda words: words[0],
)
def test_weight_decay_is_of_the_kernels_of_every_network(words):
    """Whatever their axes: a locally connected layer's biases have three."""
    cfg = config.compose(*words)
    shapes = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    decayed = nnx.to_flat_state(optim.decays(nnx.state(shapes, nnx.Param)))
    for path, does in decayed:
        assert does == (path[-1] in {"kernel", "matrices"}), path


def test_schedules():
    cosine = optim.cosine(1.0, steps_per_epoch=10, epochs=4, warmup=1)
    rates = [float(cosine(step)) for step in (0, 5, 10, 25, 40)]
    assert rates == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0], abs=1e-6)
    steps = optim.piecewise(1.0, steps_per_epoch=10, epochs=4, at=[0.5, 0.75])
    assert [float(steps(s)) for s in (19, 20, 30)] == pytest.approx([1, 0.1, 0.01])
    assert float(optim.constant(0.3, steps_per_epoch=1, epochs=1)(9)) == pytest.approx(
        0.3
    )


@pytest.mark.parametrize("warmup", [-1, 1.96, 2, 2.5])
def test_a_warm_up_that_never_ends_is_refused(warmup):
    words = rf"optim\.schedule\.warmup={warmup} with train\.epochs=2"
    with pytest.raises(UserError, match=words):
        optim.cosine(1.0, steps_per_epoch=10, epochs=2, warmup=warmup)
    nearly = optim.cosine(1.0, steps_per_epoch=10, epochs=2, warmup=1.9)
    assert max(float(nearly(step)) for step in range(20)) == pytest.approx(1)


@pytest.mark.parametrize("decoupled", [False, True])
def test_decoupled_decay_bypasses_the_direction(decoupled):
    chain = optim.build(
        direction=partial(optax.scale, 10.0),
        learning_rate=1.0,
        schedule=optim.constant,
        weight_decay=0.1,
        decoupled=decoupled,
        steps_per_epoch=1,
        epochs=1,
    )
    params = {"w": jnp.ones((2, 2))}
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = chain.update(zeros, chain.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.1 if decoupled else -1.0, rtol=1e-6)
