"""Networks of timm and of transformers, their operators swapped for ours."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

import torch  # noqa: E402

from research import config  # noqa: E402
from research.adapters.engine.loading import load_model  # noqa: E402
from research.surgery.operation import count_replaced, operate  # noqa: E402

pytestmark = pytest.mark.adapters


def load_timm(folder):
    """A ResNet-18 of timm with random weights, its side, what `replace=` finds."""
    pytest.importorskip("timm", exc_type=(ImportError, RuntimeError))
    torch.manual_seed(0)
    arguments = {"pretrained": False, "num_classes": 5}
    model = load_model("timm:resnet18", {"arguments": arguments})
    return model, 224, {"convolution": 7, "pooling": 1}


def load_hf(folder):
    """A small ResNet of transformers, likewise."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    shape = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
    settings = transformers.ResNetConfig(**shape, layer_type="basic", num_labels=5)
    transformers.ResNetForImageClassification(settings).eval().save_pretrained(folder)
    processor = {"size": {"height": 64, "width": 64}, "do_normalize": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    model = load_model(f"hf:{folder}", {})
    return model, 64, {"convolution": 3, "pooling": 1}


@pytest.mark.parametrize("load", [load_timm, load_hf])
def test_without_a_lowpass_it_is_itself_and_with_one_it_is_not(load, tmp_path):
    model, size, expected = load(tmp_path)
    images = np.random.default_rng(0).random((2, size, size, 3), np.float32)
    bare = model.fit(images.shape[1:])(images)

    def answer(preset):
        words = [f"replace={preset}", f"data.shape=[{size},{size},3]"]
        composed = config.compose("data=digits", *words, config="eval")
        replacement = config.replacement(composed)
        swapped = operate(model, replacement).fit(images.shape[1:])
        return swapped(images), count_replaced(swapped, replacement)

    same, found = answer("decimate")
    np.testing.assert_allclose(same, bare, atol=1e-4)
    assert found == expected
    blurred, _ = answer("blur")
    assert np.abs(blurred - bare).max() > 1e-3
