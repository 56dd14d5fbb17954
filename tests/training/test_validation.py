"""Validation: the loss that trains, over every example, whatever the batches."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small import leaves, make_network, make_split, train

from research.data.split import Split
from research.downsample import Downsample
from research.files.lines import read_lines
from research.models import capsule
from research.tasks.classification import CLASSIFICATION, Classification
from research.tasks.losses import cross_entropy, margin
from research.training.validation import validate

RNG = np.random.default_rng(3)


def to_unit(split):
    return jnp.asarray(split.images / np.float32(255))


def make_examples(count, shape):
    images = RNG.integers(0, 256, (count, *shape), dtype=np.uint8)
    return Split.labelled(images, RNG.integers(0, 3, count).astype(np.int32))


@pytest.fixture(scope="module")
def network():
    network = make_network()
    network.eval()
    return network


@pytest.mark.parametrize("batch_size", [7, 16, 100])
def test_every_example_counts_once_whatever_the_batch(network, batch_size):
    """22 examples: batches of 7 leave one over, batches of 16 leave six."""
    split = make_examples(22, (8, 8, 1))
    found = validate(network, split, task=CLASSIFICATION, batch_size=batch_size)
    logits = np.asarray(network(to_unit(split)), np.float64)
    log_sum = np.log(np.exp(logits).sum(-1))
    expected = (log_sum - logits[np.arange(22), split.labels]).mean()
    assert found["examples"] == 22
    assert found["loss"] == pytest.approx(expected, rel=1e-5)
    assert found["accuracy"] == (logits.argmax(-1) == split.labels).mean()


def test_batches_are_those_of_training_and_the_remainder_is_one(network):
    """A loss that is no mean over examples tells how large its batches were."""
    sizes = []

    def largest(network, batch):
        sizes.append(len(batch["image"]))
        return (batch["image"].max() * 255), network(batch["image"])

    images = np.zeros((10, 8, 8, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(10)
    split = Split.labelled(images, np.zeros(10, np.int32))
    found = validate(network, split, task=Classification(largest), batch_size=4)
    assert sorted(sizes) == [2, 4]
    assert found["loss"] == pytest.approx((3 * 4 + 7 * 4 + 9 * 2) / 10)


def test_it_is_in_inference_mode_and_leaves_the_training_alone(tmp_path):
    """Dropout is off, statistics do not move, and no random number is drawn."""
    split = make_split()
    trained = [
        train(tmp_path / name, split, epochs=2, validation=validation)
        for name, validation in (("with", split.rows(0, 21)), ("without", None))
    ]
    for a, b in zip(*map(leaves, trained), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(
        np.array_equal(*map(jax.random.key_data, pair))
        if jax.dtypes.issubdtype(pair[0].dtype, jax.dtypes.prng_key)
        else np.array_equal(*pair)
        for pair in zip(*(jax.tree.leaves(nnx.state(n)) for n in trained), strict=True)
    )
    rows = read_lines(tmp_path / "with/metrics.jsonl")
    assert [row["split"] for row in rows] == ["train", "validation"] * 2
    last = validate(trained[0], split.rows(0, 21), task=CLASSIFICATION, batch_size=16)
    assert last == {k: rows[-1][k] for k in ("examples", "loss", "accuracy")}


def test_an_empty_validation_split_leaves_no_rows(tmp_path):
    split = make_split()
    train(tmp_path, split, epochs=1, validation=split.rows(0, 0))
    assert [row["split"] for row in read_lines(tmp_path / "metrics.jsonl")] == ["train"]


@pytest.mark.slow  # trains capsules
def test_of_capsules_it_is_the_margin_loss_with_the_reconstruction(tmp_path):
    """So a search by `validation.loss` optimises what trains."""
    shape = (8, 8, 1)
    network = capsule.capsnet(
        shape,
        3,
        downsample=Downsample,
        width=4,
        window=3,
        channels=2,
        inputs=4,
        units=5,
        decoder=(6,),
        rngs=nnx.Rngs(0),
    )
    task = Classification(partial(capsule.loss, reconstruction=0.01))
    held_out = make_examples(21, shape)
    trained = train(
        tmp_path,
        make_split(),
        network=network,
        task=task,
        epochs=1,
        validation=held_out,
    )
    images, labels = to_unit(held_out), jnp.asarray(held_out.labels)
    *_, last = trained.features(images)
    capsules = trained.readout.capsules(last)
    drawn = trained.readout.reconstruct(capsules, labels)
    error = ((drawn - images.reshape(21, -1)) ** 2).sum(-1)
    expected = margin(capsule.lengths(capsules), labels) + 0.01 * error
    _, row = read_lines(tmp_path / "metrics.jsonl")
    assert row["split"] == "validation" and row["examples"] == 21
    assert row["loss"] == pytest.approx(float(expected.mean()), rel=1e-5)
    other = cross_entropy(trained, {"image": images, "label": labels})[0]
    assert row["loss"] != pytest.approx(float(other), rel=0.01)
