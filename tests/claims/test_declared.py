"""What the claims declare can be measured, and adds up."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from research import claims, config
from research.claims import b5
from research.claims.measure import MOVED, Flips, Measure, trained_arms
from research.claims.tuning import SCORES, Tuning
from research.config import compose_flat
from research.tasks.classification import Classification
from research.tasks.segmentation import Segmentation

CLAIMS = claims.load()
ROOT = Path(__file__).parents[2]
SETTINGS = sorted(path.stem for path in ROOT.glob("conf/setting/cpu/*.yaml"))
TRAINING = ("optim", "train.", "tuning", "seed", "name")  # first words of keys


def list_protocols(config):
    """Returns the protocols of the rows that runs of a config have."""
    evaluators = {key.split(".")[1] for key in config if key.startswith("eval.")}
    changes = "eval.changes.changes."
    several = {key.split(".")[3] for key in config if key.startswith(changes)}
    shifts = {"circular", "zero"} if "shift" in evaluators else set()
    return {"training"} | evaluators | several | shifts


@pytest.mark.parametrize("name", CLAIMS)
def test_every_arm_has_the_evaluator_that_a_contrast_reads(name):
    claim = CLAIMS[name]
    asked = [one for question in claim.questions.values() for one in question.contrasts]
    for contrast in [*asked, *claim.details.values()]:
        for arm in trained_arms(contrast):
            config = compose_flat(f"setting=cpu/{claim.split(arm)[0]}")
            for measure in (contrast.measure, contrast.minus):
                if isinstance(measure, Measure):
                    assert measure.protocol in list_protocols(config), (arm, measure)
                if isinstance(measure, Flips):
                    assert "stability" in list_protocols(config), (arm, measure)
                    moves = config["data.name"].startswith("scenes/")
                    assert moves or measure.shift != "window", (arm, measure)


def test_no_arm_says_how_it_is_trained():
    """Its setting does: what an arm says holds at every scale, also "smoke"."""
    for claim in CLAIMS.values():
        for arm, overrides in claim.arms.items():
            assert not any(one.startswith(TRAINING) for one in overrides), arm


@pytest.mark.parametrize("name", SETTINGS)
def test_rates_are_of_the_optimizer(name):
    """Those of SGD, which are a hundred times Adam's, go with SGD alone."""
    config = compose_flat(f"setting=cpu/{name}")
    if (tuning := Tuning.of(config)) is not None:
        of_sgd = config["optim.direction._target_"].endswith(".trace")
        assert (max(tuning.rates) > 0.05) == of_sgd


@pytest.mark.parametrize("name", SETTINGS)
def test_the_scale_smoke_tunes_one_setting(name):
    config = compose_flat(f"setting=smoke/{name}")
    assert (Tuning.of(config) is not None) == (name == "mnist")


@pytest.mark.parametrize(
    "name, arms",
    [
        ("c2", ("no downsampling, 300 images", "max, 300 images")),
        ("c2", ("no downsampling, 1,000 images", "max, 1,000 images")),
        ("c4", ("All-CNN", "ConvPool-CNN")),
        ("c10", ("capsules", "convolutions")),
        ("c8", ("max, label maps", "bare stride, label maps")),
        ("c8", ("max, label maps", "max and adaptive phase, label maps")),
        *(
            ("b5", (first, arm))
            for first, *others in [[*CLAIMS["b5"].arms]]
            for arm in others
        ),
    ],
)
def test_what_is_said_to_have_equal_weights_has(name, arms):
    counts = [count_parameters(CLAIMS[name].overrides(arm, "cpu")) for arm in arms]
    assert counts[0] == pytest.approx(counts[1], rel=0.01)


def count_parameters(overrides):
    """Returns how many parameters the network of an arm has."""
    cfg = config.compose(*overrides)
    shapes = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    return sum(one.size for one in jax.tree.leaves(nnx.state(shapes, nnx.Param)))


def test_a_rate_can_be_chosen_by_the_score_of_each_task():
    for task in (Classification, Segmentation):
        assert task.scores[0] in SCORES


def test_effects_of_the_plane_are_those_of_a_planted_model():
    """Main effects and interactions on log flips that are made of them."""
    rng = np.random.default_rng(0)
    planted = {"sample": 0.7, "lowpass": -0.4, "max": -1.0, "average": 0.3}
    both = {"lowpass × sample": 0.2, "max × sample": -0.5}
    level = rng.normal()

    def flips(reduce, lowpass, sample):
        value = level + planted["sample"] * sample + planted["lowpass"] * lowpass
        value += planted.get(reduce, 0.0)
        value += both["lowpass × sample"] * (lowpass - 0.5) * (sample - 0.5)
        mixed = {"max": 1, "identity": -1}.get(reduce, 0)
        return value + both["max × sample"] * mixed * (sample - 0.5) / 2

    values = {b5.cell(*place): flips(*place) for place in b5.PLANE}

    def measured(contrast):
        assert contrast.arms.keys() == values.keys()  # so all count the same images
        assert sum(contrast.arms.values()) == pytest.approx(0)
        return sum(w * values[arm] for arm, w in contrast.arms.items())

    found = {key: measured(b5.effect(MOVED, **one)) for key, one in b5.EFFECTS.items()}
    assert found["sample: energy less first"] == pytest.approx(planted["sample"])
    assert found["lowpass: binomial less none"] == pytest.approx(planted["lowpass"])
    assert found["reduce: max less identity"] == pytest.approx(planted["max"])
    assert found["lowpass × sample"] == pytest.approx(both["lowpass × sample"])
    assert found["max × sample"] == pytest.approx(both["max × sample"])
    assert found["average × lowpass"] == pytest.approx(0)
    asked = CLAIMS["b5"].questions[""].cases
    assert [measured(one) for one in asked.values()] == pytest.approx(
        [-0.7 - 0.4, -0.7 - 1.0, -0.7 + 0.3]
    )
