"""PyTorch modules behind `predict=torch:module:factory`, against PyTorch itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import models_for_adapters as models  # noqa: E402

from research.adapters.engine.loading import load_model  # noqa: E402
from research.errors import UserError  # noqa: E402

pytestmark = pytest.mark.adapters
IMAGES = np.random.default_rng(0).random((5, 16, 12, 3), np.float32)
NETWORK = "torch:models_for_adapters:residual"


def theirs(network, images):
    with torch.no_grad():
        return network.eval()(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()


def test_a_module_sees_channels_first_and_is_in_inference():
    found = load_model(NETWORK, {"device": "cpu"})
    expected = theirs(models.residual(), IMAGES)
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-6)
    np.testing.assert_array_equal(found(IMAGES), found(IMAGES))  # without dropout
    assert found(IMAGES).dtype == np.float32 and found.answers == "logits"


def test_mean_and_std_are_taken_out_first():
    given = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
    found = load_model(NETWORK, {"preprocess": given})
    standard = (IMAGES - np.float32(given["mean"])) / np.float32(given["std"])
    expected = theirs(models.residual(), standard)
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)


def test_a_factory_takes_arguments_and_a_module_stands_as_it_is():
    found = load_model(NETWORK, {"arguments": {"classes": 7, "seed": 3}})
    expected = theirs(models.residual(classes=7, seed=3), IMAGES)
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-6)
    assert found.fit((16, 12, 3)).description.outputs == 7
    ready = load_model("torch:models_for_adapters:READY", {})
    np.testing.assert_allclose(ready(IMAGES), theirs(models.READY, IMAGES), atol=1e-6)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_from_files_of_tensors(tmp_path, suffix):
    trained = models.residual(seed=5)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": trained.state_dict()}, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(trained.state_dict(), path)
    found = load_model(NETWORK, {"weights": str(path)})
    np.testing.assert_allclose(found(IMAGES), theirs(trained, IMAGES), atol=1e-6)


class Evil:
    """Does something when it is unpickled."""

    ran = False

    def __reduce__(self):
        return setattr, (Evil, "ran", True)


def test_nothing_is_unpickled(tmp_path):
    for name, content in (
        ("evil.pth", {"fc.weight": Evil()}),
        ("whole.pth", models.residual()),
    ):
        torch.save(content, tmp_path / name)
        with pytest.raises(UserError, match=f"{name}: no state dict of tensors alone"):
            load_model(NETWORK, {"weights": str(tmp_path / name)})
    assert not Evil.ran


def test_weights_that_do_not_fit_are_named(tmp_path):
    state = models.residual().state_dict()
    path = tmp_path / "weights.pth"
    for change, said in (
        (lambda s: s.pop("fc.bias"), r"lacks fc.bias \(and 0 more\)"),
        (lambda s: s.update(other=torch.zeros(1)), "has an unknown other"),
        (lambda s: s.update({"fc.bias": torch.zeros(3)}), "size mismatch for fc.bias"),
    ):
        changed = dict(state)
        change(changed)
        torch.save(changed, path)
        with pytest.raises(UserError, match=said) as caught:
            load_model(NETWORK, {"weights": str(path)})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address, options, said",
    [
        ("no.such:thing", {}, "No module named 'no'"),
        (
            "models_for_adapters:nothing",
            {},
            "models_for_adapters has no nothing .there are",
        ),
        ("models_for_adapters:residuel", {}, "has no residuel .nearest: residual"),
        ("models_for_adapters:no_module", {}, "gives a dict; takes a function or cl"),
        ("models_for_adapters:needs_width", {}, "missing a required argument: 'width'"),
        (
            "models_for_adapters:READY",
            {"arguments": {"a": 1}},
            "is made already, and takes none",
        ),
        ("models_for_adapters:residual", {"device": "cuda:77"}, "device=cuda:77"),
        ("models_for_adapters:residual", {"device": "gpu"}, "device=gpu: .*takes cpu"),
        ("models_for_adapters:residual", {"weights": "a.pth"}, "a.pth: no such file"),
        ("models_for_adapters:residual", {"texts": ["a"]}, r"adapter.texts=\['a'\]: "),
    ],
)
def test_mistakes_are_one_line(address, options, said):
    with pytest.raises(UserError, match=said) as caught:
        load_model(f"torch:{address}", options)
    assert "\n" not in str(caught.value)


def test_images_that_a_network_does_not_take_are_refused_beforehand():
    found = load_model("torch:models_for_adapters:flat", {})
    assert found.fit((16, 16, 3)).description.outputs == 10
    with pytest.raises(UserError, match=r"fails on images of data.shape=\[16,12,3\]"):
        found.fit((16, 12, 3))


def test_grey_images_are_given_as_three_channels():
    options = {"preprocess": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.2]}}
    with pytest.raises(UserError, match=r"preprocess.mean: has 3 values"):
        load_model(NETWORK, options).fit((16, 12, 1))  # it says nothing of channels
