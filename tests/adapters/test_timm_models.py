"""timm's networks behind `predict=timm:NAME`: its own data config, its own names."""

import numpy as np
import pytest

pytest.importorskip("torch")
timm = pytest.importorskip("timm", exc_type=(ImportError, RuntimeError))

import torch  # noqa: E402

from research.adapters.engine.labels import imagenet_classes  # noqa: E402
from research.adapters.engine.loading import load_model  # noqa: E402
from research.errors import UserError  # noqa: E402

pytestmark = pytest.mark.adapters
TINY = {"pretrained": False, "img_size": 32, "embed_dim": 12, "depth": 1}
VIT = "timm:vit_tiny_patch16_224"
IMAGES = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)


@pytest.fixture
def weights(tmp_path):
    """Weights of a small network, and the network."""
    torch.manual_seed(0)
    network = timm.create_model(VIT[5:], **TINY).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    return str(tmp_path / "weights.pth"), network


def test_a_network_is_fed_as_its_own_config_says(weights):
    path, network = weights
    found = load_model(VIT, {"arguments": TINY, "weights": path})
    known, own = found.description, timm.data.resolve_data_config({}, model=network)
    assert known.size == (32, 32) and known.channels == 3 and known.outputs == 1000
    assert known.mean == own["mean"] and known.std == own["std"]
    assert (known.interpolation, known.crop) == (own["interpolation"], own["crop_pct"])
    assert known.classes == imagenet_classes() and known.answers == "logits"
    standard = (IMAGES - np.float32(own["mean"])) / np.float32(own["std"])
    with torch.no_grad():
        expected = network(torch.from_numpy(standard).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(found(IMAGES), expected, atol=1e-5)
    assert found.fit((32, 32, 1)) is not None  # grey images, too
    with pytest.raises(UserError, match=r"\[32,32\], and .*: set data.shape=\[32,32,3"):
        found.fit((28, 28, 3))


def test_a_network_without_a_head_gives_embeddings():
    arguments = {**TINY, "num_classes": 0}
    found = load_model(VIT, {"arguments": arguments}).fit((32, 32, 3))
    assert found.answers == "embeddings" and found(IMAGES).shape == (4, 12)
    assert found.description.outputs == 12 and found.description.classes is None


def test_a_network_that_is_not_there_has_neighbours():
    with pytest.raises(UserError, match="no such model .nearest: .*resnet18"):
        load_model("timm:resnet18x", {})
    with pytest.raises(UserError, match="Invalid pretrained tag"):
        load_model("timm:resnet18.nope", {})
    with pytest.raises(UserError, match="timm:resnet18: .*unexpected keyword .*deth"):
        load_model("timm:resnet18", {"arguments": {"pretrained": False, "deth": 3}})


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch):
    def fail(*words, **more):
        raise FileNotFoundError("cannot find\nthe file")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(UserError, match="cannot be fetched .cannot find the fi") as e:
        load_model("timm:resnet18", {})
    assert "\n" not in str(e.value) and "pretrained: false" in str(e.value)
