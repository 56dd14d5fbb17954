"""The parts that PyTorch's weights go to, and networks without such parts."""

import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.models import convert
from research.models.readout import Head
from research.models.residual import Residual

SMALL = ("data=digits", "model.widths=[4,8]", "model.depths=[1,1]")


def build(*overrides):
    cfg = config.compose(*overrides, *SMALL)
    return config.network(cfg, rngs=nnx.Rngs(0))


def test_a_resnet_has_its_parts_under_the_names_of_torchvision():
    network = build("model=resnet20", "model/shortcut=project")
    parts = convert.resnet_parts(network)
    block = network.stages[-1]
    assert isinstance(block, Residual) and isinstance(network.readout, Head)
    assert parts["layer2.0.conv2"] is block.after.conv
    assert parts["layer2.0.downsample.1"] is block.shortcut.norm
    assert parts["fc"] is network.readout.logits


def test_a_shortcut_without_weights_is_refused():
    with pytest.raises(UserError, match=r"layer2\.0\.downsample\.0 is a PadChannels.*"):
        convert.resnet_parts(build("model=resnet20", "model/shortcut=pad"))


@pytest.mark.parametrize("parts", [convert.resnet_parts, convert.vgg_parts])
def test_a_readout_without_a_dense_layer_is_refused(parts):
    network = build("model=resnet20", "model/shortcut=project", "model/head=class_maps")
    with pytest.raises(UserError, match="readout is ClassMaps.*model/head=gap"):
        parts(network)
