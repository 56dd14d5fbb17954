"""A downsampler's own losses are trained with the task's, from the epoch they say."""

import json
from functools import partial

import jax
import numpy as np
import pytest
from flax import nnx
from small import leave, leaves, make_split, train

from research.downsample import Downsample
from research.downsample.tips import Tips
from research.models.network import Network
from research.models.readout import Head, mean
from research.nn.layers import ConvNormAct


def make_network(**options):
    rngs = nnx.Rngs(0)
    sample = partial(Tips, **options)
    stages = [ConvNormAct(1, 4, rngs=rngs), Downsample(4, sample=sample, rngs=rngs)]
    head = partial(Head, classes=3, pool=mean)
    return Network((8, 8, 1), stages, head, rngs=rngs)


def losses(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.slow  # trains twice
def test_the_second_term_enters_at_its_epoch(tmp_path):
    """With α = 1 the task has no part: the loss is L_FM, then L_FM + L_undo."""
    network = make_network(alpha=1.0, undo_epoch=2)
    before = leaves(network)
    trained = train(tmp_path, make_split(), network=network, augment=leave, epochs=4)
    found = losses(tmp_path)
    assert 0 < max(found[:2]) <= 0.5 + 1e-6  # of four weights that are alike
    assert min(found[2:]) > 0
    only_focus = tmp_path / "focus"
    only_focus.mkdir()
    late = make_network(alpha=1.0, undo_epoch=9)
    train(only_focus, make_split(), network=late, augment=leave, epochs=4)
    np.testing.assert_allclose(losses(only_focus)[:2], found[:2], rtol=1e-6)
    assert found[2] > losses(only_focus)[2] + 1e-3
    assert any(
        not np.array_equal(a, b) for a, b in zip(before, leaves(trained), strict=True)
    )


def test_without_a_share_the_task_is_trained_with_the_focus_alone(tmp_path):
    for name, epoch in (("early", 0), ("late", 99)):
        (tmp_path / name).mkdir()
        network = make_network(alpha=0.0, undo_epoch=epoch)
        train(tmp_path / name, make_split(), network=network, epochs=2)
    assert losses(tmp_path / "early") == losses(tmp_path / "late")


def test_what_evaluation_sees_does_not_depend_on_the_terms(tmp_path):
    trained = train(tmp_path, make_split(), network=make_network(), epochs=1)
    images = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype(np.float32)
    still = jax.jit(lambda x: trained(x))(images)
    trained.stages[1].sample.terms[...] += 5
    np.testing.assert_array_equal(jax.jit(lambda x: trained(x))(images), still)
