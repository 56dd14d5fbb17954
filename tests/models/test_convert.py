"""Weights from PyTorch give PyTorch's logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.models import convert

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")
twins = pytest.importorskip("twins")

pytestmark = pytest.mark.peers

IMAGES = np.random.default_rng(0).uniform(size=(2, 64, 64, 3)).astype(np.float32)
SMALL = ["model.widths=[8,12,16]", "model.depths=[1,2,1]"]
ZHANG = [
    "downsample=blur",
    "downsample.lowpass.taps=4",
    "downsample.lowpass.padding=reflect",
    "model.stem.exempt=true",
    "model.stem.pool_window=2",
    "model.stem.pool_padding=valid",
]


def build(*overrides):
    cfg = config.compose(*overrides)
    return config.build(cfg.model)(
        IMAGES.shape[1:], 5, downsample=config.build(cfg.downsample), rngs=nnx.Rngs(0)
    )


def logits(network):
    network.eval()
    graph, state = nnx.split(network)
    return jax.jit(lambda s, x: nnx.merge(graph, s)(x))(state, jnp.asarray(IMAGES))


@pytest.mark.parametrize("bottleneck", [False, True], ids=["resnet18", "resnet50"])
@pytest.mark.parametrize("blur", [False, True], ids=["published", "antialiased"])
def test_resnet(tmp_path, bottleneck, blur):
    twin = twins.randomize(
        twins.ResNet([8, 12, 16], [1, 2, 1], 5, bottleneck=bottleneck, blur=blur)
    )
    path = tmp_path / "weights.pth"
    wrapped = {f"module.{name}": value for name, value in twin.state_dict().items()}
    torch.save({"state_dict": wrapped} if blur else twin.state_dict(), path)
    model = "resnet50" if bottleneck else "resnet18"
    extra = ZHANG if blur else []
    network = build(f"model={model}", f"model.weights={path}", *SMALL, *extra)
    np.testing.assert_allclose(
        logits(network), twins.logits(twin, IMAGES), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("norm", [True, False])
def test_vgg(tmp_path, norm):
    twin = twins.randomize(
        twins.VGG([8, 12, 16], [1, 2, 1], 5, units=24, norm=norm), seed=1
    )
    path = tmp_path / "weights.safetensors"
    safetensors.save_file(twin.state_dict(), path)
    network = build(
        "model=vgg13_imagenet",
        f"model.weights={path}",
        "model.head.units=[24,24]",
        *SMALL,
        *([] if norm else ["model.norm=null"]),
    )
    np.testing.assert_allclose(
        logits(network), twins.logits(twin, IMAGES), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    ("model", "twin", "parts"),
    [
        (
            "resnet18",
            lambda: twins.ResNet([64, 128, 256, 512], [2, 2, 2, 2], 5),
            convert.resnet_parts,
        ),
        (
            "resnet50",
            lambda: twins.ResNet(
                [64, 128, 256, 512], [3, 4, 6, 3], 5, bottleneck=True, blur=True
            ),
            convert.resnet_parts,
        ),
        (
            "vgg13_imagenet",
            lambda: twins.VGG([64, 128, 256, 512, 512], [2, 2, 2, 2, 2], 5, units=4096),
            convert.vgg_parts,
        ),
    ],
)
def test_names_of_the_full_networks(model, twin, parts):
    with torch.device("meta"):
        state = {
            name: np.broadcast_to(np.float32(0), tuple(value.shape))
            for name, value in twin().state_dict().items()
        }
    network = nnx.eval_shape(lambda: build(f"model={model}"))
    sizes = {
        f"{name}.{suffix}": variable.size
        for name, part in parts(network).items()
        for suffix, (variable, _) in convert.tensors(part)
    }
    found = {name: value.size for name, value in convert.canonicalize(state).items()}
    assert sizes == found


class Payload:
    """What a malicious file holds: unpickling it would run code."""

    def __reduce__(self):
        return print, ("executed",)


def test_files_that_do_not_fit_are_refused(tmp_path, capsys):
    twin = twins.ResNet([8, 12, 16], [1, 2, 1], 5)
    state = twin.state_dict()

    def refused(words, file="weights.pth"):
        with pytest.raises(UserError, match=words):
            convert.load(parts, tmp_path / file)

    parts = convert.resnet_parts(build("model=resnet18", *SMALL))
    torch.save({k: v for k, v in state.items() if k != "fc.bias"}, tmp_path / "w.pth")
    refused(r"w.pth: lacks fc.bias \(and 0 more\)", "w.pth")
    torch.save(state | {"extra.weight": torch.zeros(1)}, tmp_path / "w.pth")
    refused("has an unknown extra.weight", "w.pth")
    torch.save(state | {"fc.weight": torch.zeros(7, 16)}, tmp_path / "w.pth")
    refused(r"fc.weight has shape \(7, 16\).*data.classes", "w.pth")
    torch.save({"conv1.weight": Payload()}, tmp_path / "w.pth")
    refused("not a readable state dict of tensors", "w.pth")
    (tmp_path / "w.safetensors").write_bytes(b"no such thing")
    refused("not a readable safetensors file", "w.safetensors")
    assert "executed" not in capsys.readouterr().out
