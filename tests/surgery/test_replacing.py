"""Swapped operators: without a lowpass the network itself, with one equal to ours."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("torch")

import operated_networks  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

from research import config  # noqa: E402
from research.adapters.engine.loading import load_model  # noqa: E402
from research.config.composing import options_of  # noqa: E402
from research.errors import UserError  # noqa: E402
from research.runs.foreign import load_foreign  # noqa: E402
from research.surgery.operation import count_replaced, operate  # noqa: E402
from research.surgery.swapping import Swapped, reach  # noqa: E402

pytestmark = pytest.mark.adapters
PRESETS = [one for one in options_of("replace") if one != "none"]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def asked(*words):
    return config.compose(
        "data=digits",
        "data.shape=[32,32,3]",
        "data.classes=5",
        *words,
        config="eval",
    )


def swap(network, *words):
    replacement = config.replacement(asked(*words))
    return Swapped(network.eval().requires_grad_(False), replacement)


def maps(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


@pytest.mark.parametrize("size", [(32, 32), (33, 29), (35, 38)])
def test_the_first_phase_without_a_lowpass_is_the_network_itself(size):
    network = operated_networks.every()
    images = maps(4, 3, *size)
    expected = network.eval()(images).detach()
    swapped = swap(network, "replace=decimate")
    np.testing.assert_allclose(swapped(images), expected, atol=1e-5)
    assert swapped.found == {"convolution": 2, "pooling": 2}
    pooling = swap(network, "replace=decimate", "replace.which=pooling")
    np.testing.assert_allclose(pooling(images), expected, atol=1e-5)
    assert pooling.found == {"pooling": 2}
    blurred = swap(network, "replace=blur")(images)
    assert (blurred - expected).abs().max() > 1e-3


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (4, 4)])
def test_a_pooling_is_its_dense_maximum_through_our_downsampler(name, stride):
    """On random maps, against `research.downsample` called by itself."""
    x = maps(3, 8, 24, 32)
    network = torch.nn.Sequential(torch.nn.MaxPool2d(3, stride, padding=1))
    replacement = config.replacement(asked(f"replace={name}"))
    dense = functional.max_pool2d(x, 3, 1, 1).numpy().transpose(0, 2, 3, 1)
    expected = np.asarray(replacement.build(stride)(jnp.asarray(dense)))
    found = Swapped(network, replacement)(x).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_blur_of_a_strided_convolution_is_that_of_the_publication():
    """conv at stride 1 → depthwise [1 2 1]²/16, reflected → every second value."""
    conv = torch.nn.Conv2d(3, 6, 3, stride=2, padding=1)
    x = maps(2, 3, 20, 20)
    dense = functional.conv2d(x, conv.weight, conv.bias, 1, 1)
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = torch.outer(row, row).expand(6, 1, 3, 3)
    padded = functional.pad(dense, (1, 1, 1, 1), mode="reflect")
    expected = functional.conv2d(padded, kernel, stride=2, groups=6).detach()
    found = swap(torch.nn.Sequential(conv), "replace=blur")(x)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["aps", "blur_aps"])
def test_adaptive_phases_make_a_circular_network_invariant(name):
    """A shortcut is taken on the phase of its main branch, or this would fail."""
    network, images = operated_networks.shortcut(), maps(8, 1, 16, 16)
    swapped = swap(network, f"replace={name}")
    still, bare = swapped(images), network(images)
    changed = 0.0
    for offset in [(1, 0), (0, 1), (3, 5)]:
        moved = torch.roll(images, offset, (2, 3))
        np.testing.assert_allclose(swapped(moved), still, atol=1e-5)
        changed = max(changed, float((network(moved) - bare).abs().max()))
    assert changed > 1e-3
    assert swapped.found == {"convolution": 2}


def test_nothing_of_a_network_is_changed():
    network = operated_networks.every().eval()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    images = maps(2, 3, 32, 32)
    expected = network(images).detach()
    swap(network, "replace=blur")(images)
    np.testing.assert_array_equal(network(images).detach(), expected)
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_large_strides_stay():
    patches = torch.nn.Conv2d(3, 8, 8, stride=8)
    x = maps(2, 3, 32, 32)
    swapped = swap(patches, "replace=blur")
    np.testing.assert_array_equal(swapped(x), patches(x))
    assert not swapped.found
    assert swap(patches, "replace=blur", "replace.max_stride=8")(x).shape[2:] == (4, 4)


@pytest.mark.parametrize("size", range(4, 14))
def test_windows_beyond_the_border_are_those_of_pytorch(size):
    for window, stride, padding in [(2, 2, 0), (3, 2, 1), (3, 3, 1), (2, 4, 0)]:
        run = partial(functional.max_pool2d, kernel_size=window, stride=stride)
        x = maps(1, 1, size, size)
        count = run(x, padding=padding, ceil_mode=True).shape[2]
        more = reach(size, window, stride, padding)
        dense = size + 2 * padding + more - window + 1
        assert -(-dense // stride) == count


def test_rows_know_what_was_replaced():
    cfg = asked("predict=torch:operated_networks:every", "replace=max_blur")
    found = load_foreign(cfg)
    assert found.replaced == {"pooling": 2}
    both = load_foreign(asked(f"predict={found.path}", "replace=aps", "wrap=average"))
    assert both.replaced == {"convolution": 2, "pooling": 2}
    assert both(np.zeros((2, 32, 32, 3), np.float32)).shape == (2, 5)
    assert load_foreign(asked(f"predict={found.path}")).replaced == {}


@pytest.mark.parametrize(
    "words, answer",
    [
        (
            ["predict=torch:operated_networks:steady", "replace=blur"],
            "replace.which=all: predict=torch:operated_networks:steady has no such",
        ),
        (
            [
                "predict=torch:operated_networks:every",
                "replace=blur",
                "downsample/lowpass@replace.lowpass=adaptive",
            ],
            "replace.lowpass=adaptive: has weights of its own",
        ),
        (
            ["predict=operated_networks:every", "replace=blur"],
            "replace: swaps operators of PyTorch networks",
        ),
        (
            ["predict=torch:operated_networks:every", "replace=ideal"],
            "lowpass ideal: a 33×33 map is no multiple",
        ),
    ],
)
def test_what_cannot_be_replaced_is_refused_in_one_line(words, answer):
    with pytest.raises(UserError, match=answer) as error:
        load_foreign(asked(*words, "data.shape=[34,34,3]"))
    assert "\n" not in str(error.value)


def test_a_model_that_was_not_called_has_nothing_replaced():
    model = load_model("torch:operated_networks:every", {})
    replacement = config.replacement(asked("replace=blur"))
    with pytest.raises(UserError, match="has no such max pooling or strided conv"):
        count_replaced(operate(model, replacement), replacement)
