"""Every network has the parameters that its publication, or PyTorch, says it has."""

import jax
import pytest
from flax import nnx

from research import config
from research.errors import UserError

CONVNEXT_T = ["model.patch=4", "model.widths=[96,192,384,768]"]
CONVNEXT_T += ["model.depths=[3,3,9,3]"]
SLOW = pytest.mark.slow  # to trace
MNIST, CIFAR, IMAGENET = (28, 28, 1), (32, 32, 3), (224, 224, 3)


def abstract(shape, classes, *overrides):
    cfg = config.compose(*overrides)
    down, model = config.build(cfg.downsample), config.build(cfg.model)
    return nnx.eval_shape(
        lambda: model(shape, classes, downsample=down, rngs=nnx.Rngs(0))
    )


def count(part):
    return sum(p.size for p in jax.tree.leaves(nnx.state(part, nnx.Param)))


@pytest.mark.parametrize(
    ("overrides", "shape", "classes", "parameters"),
    [
        (["model=chollet"], MNIST, 10, 93_322),
        (["model=chollet", "downsample=blur"], MNIST, 10, 121_994),
        (["model=chollet", "model.poolings=0"], MNIST, 10, 2_038_922),
        (["model=chollet", "downsample=none"], MNIST, 10, 2_038_922),
        (["model=mlp"], MNIST, 10, 407_050),
        (["model=allconv_strided"], CIFAR, 10, 954_730),
        (["model=allconv_all"], CIFAR, 10, 1_369_738),
        (["model=resnet20"], CIFAR, 10, 269_722),
        (["model=resnet32"], CIFAR, 10, 464_154),
        pytest.param(["model=resnet56"], CIFAR, 10, 853_018, marks=SLOW),
        (["model=resnet20", "downsample=aps"], CIFAR, 10, 269_722),
        (["model=resnet18"], IMAGENET, 1000, 11_689_512),
        pytest.param(["model=resnet50"], IMAGENET, 1000, 25_557_032, marks=SLOW),
        (["model=vgg13"], CIFAR, 10, 9_416_010),
        pytest.param(["model=vgg13_imagenet"], IMAGENET, 1000, 133_053_736, marks=SLOW),
        (["model=vgg13_imagenet", "model.norm=null"], IMAGENET, 1000, 133_047_848),
        (["model=convnext_tiny"], CIFAR, 10, 102_634),
        pytest.param(
            ["model=convnext_tiny", *CONVNEXT_T], IMAGENET, 1000, 28_589_128, marks=SLOW
        ),
        (["model=afc_tiny"], CIFAR, 10, 102_634 + 3 * 4 * (2 * 32 + 2 * 64)),
        (["model=resnet20", "model/activation=alias_free"], CIFAR, 10, 269_722 + 2_064),
        (["model=capsnet"], MNIST, 10, 8_215_568),
        (["model=capsnet", "model.decoder=null"], MNIST, 10, 6_804_224),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_parameters(overrides, shape, classes, parameters):
    assert count(abstract(shape, classes, *overrides)) == parameters


def test_chollet_by_part():
    network = abstract(MNIST, 10, "model=chollet", "model.poolings=0")
    assert sum(map(count, network.stages)) == 55_744
    assert network.map_shapes(MNIST)[-1] == (22, 22, 64)
    strided = abstract(MNIST, 10, "model=chollet", "downsample=strided")
    assert sum(map(count, strided.stages)) == 55_744 + 46_176
    wide = abstract(
        MNIST, 10, "model=chollet", "model.poolings=0", "model.head.units=512"
    )
    assert count(wide.readout.hidden) == 15_860_224
    assert [
        abstract(MNIST, 10, "model=chollet", f"model.poolings={n}").map_shapes(MNIST)[
            -1
        ]
        for n in (1, 2)
    ] == [(9, 9, 64), (3, 3, 64)]


def test_allconv_networks_end_in_the_map_of_the_paper():
    for name in ("model", "strided", "convpool", "all"):
        network = abstract(CIFAR, 10, f"model=allconv_{name}")
        assert network.map_shapes(CIFAR)[-1] == (6, 6, 192)
        assert network.stride == (4, 4)
    circular = abstract(CIFAR, 10, "model=allconv_all", "model.padding=circular")
    assert circular.map_shapes(CIFAR)[-1] == (8, 8, 192)


@pytest.mark.parametrize("head", ["flatten", "gap", "gmp"])
def test_any_head_fits(head):
    for model in ("chollet", "allconv_all"):
        network = abstract(CIFAR, 7, f"model={model}", f"model/head={head}")
        assert network.readout.logits.kernel.shape[-1] == 7


def test_maps_of_large_and_small_images():
    network = abstract(IMAGENET, 10, "model=resnet18")
    sides = [shape[0] for shape in network.map_shapes(IMAGENET)]
    assert sides == [224, 224, 112, 56, 56, 56, 28, 28, 14, 14, 7, 7]
    assert network.stride == (32, 32)
    small = abstract(CIFAR, 10, "model=resnet18", "model/stem=small")
    assert small.map_shapes(CIFAR)[-1] == (4, 4, 512)


@pytest.mark.parametrize(
    ("side", "overrides", "words"),
    [
        (16, ["model=chollet", "model.poolings=3"], "stage 4 of 6.*model.padding"),
        (12, ["model=local"], "locally connected.*3×3 window.*1×1 map"),
        (8, ["model=capsnet"], "stage 0 of 2.*9×9 window.*8×8 map"),
        (28, ["model=capsnet_small", "model.iterations=0"], "model.iterations=0"),
        (8, ["model=vit_tiny", "model.heads=3"], "model.heads=3"),
        (
            8,
            ["model=vit_tiny", "model.width=6", "model.heads=2"]
            + ["model/position=sinusoidal"],
            "model.width=6",
        ),
        (8, ["model=resnet20", "model.widths=[16,8,4]"], "model.widths.*project"),
        (32, ["model=afc_tiny", "model.depths=[1]"], "model.depths=.*widths"),
        (
            30,
            ["model=afc_tiny", "model.padding=circular"],
            "stage 7 of 11.*15×15 map is no multiple of 2×2",
        ),
        (32, ["model=vgg13", "model.weights=x.pth"], "x.pth: no such file"),
        (32, ["model=vgg13", "model.weights=x.onnx"], "x.onnx: .*safetensors"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_named(side, overrides, words):
    with pytest.raises(UserError, match=words):
        abstract((side, side, 1), 10, *overrides)
