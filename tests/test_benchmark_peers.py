"""Peers of the benchmarks compute what ours compute."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.benchmarks import subjects
from research.benchmarks.peers import library, networks

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

TINY = ["model=tiny", "data=digits"]
ONE_STEP = ["data.train_examples=128", "train.epochs=1", "eval=accuracy"]


@pytest.mark.peers
@pytest.mark.parametrize("name", ["chollet", "resnet20"])
def test_a_peer_is_the_same_network(name):
    torch = pytest.importorskip("torch")
    cfg = config.compose("model=" + name, f"data={DATA[name]}")
    ours = config.network(cfg, rngs=subjects.nnx.Rngs(0))
    parameters = subjects.nnx.state(ours, subjects.nnx.Param)
    built = []

    def keep(network, shape):
        built.append(network)
        return list, list

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "make_subjects", keep)
        getattr(networks, name)(1)
    assert sum(p.numel() for p in built[0].parameters()) == sum(
        p.size for p in jax.tree.leaves(parameters)
    )
    x = torch.zeros(2, cfg.data.shape[-1], *cfg.data.shape[:2])
    assert built[0](x).shape == (2, 10)


DATA = {"chollet": "mnist", "resnet20": "cifar10"}


@pytest.mark.peers
@pytest.mark.parametrize("name", ["max", "average", "lp", "median", "soft", "blur"])
def test_a_peer_is_the_same_downsampler(name):
    torch = pytest.importorskip("torch")
    cfg = config.compose("model=chollet", "data=mnist", f"downsample={name}")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    ours = config.downsample(cfg, 3, rngs=subjects.nnx.Rngs(0))(jnp.asarray(x))
    factory = config.build(
        config.compose(config="benchmark").benchmarks.downsample.cases[name]
    )
    for way in factory(3):
        theirs = way(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-4, atol=1e-5)


SAME = "max max3 average lp median soft mixed decimate haar ideal flc blur max_blur "
SAME += "aps max_aps blur_aps"


@pytest.mark.peers
@pytest.mark.parametrize("preset", SAME.split())
def test_every_way_of_a_peer_is_the_same_downsampler(preset):
    torch = pytest.importorskip("torch")
    node = config.compose(config="benchmark").benchmarks.downsample
    cfg = config.compose(
        *node.overrides, f"downsample={preset}", *node.further.get(preset, ())
    )
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 8)).astype(np.float32)
    down = config.downsample(cfg, 8, rngs=nnx.Rngs(0))
    ours = np.asarray(down(jnp.asarray(x)))
    for way in config.build(node.cases[preset])(8):
        theirs = way(torch.tensor(x.transpose(0, 3, 1, 2))).numpy()
        np.testing.assert_allclose(
            theirs.transpose(0, 2, 3, 1), ours, rtol=1e-4, atol=1e-4
        )


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_peer_runs_both_ways(dtype):
    torch = pytest.importorskip("torch")
    cases = config.compose(config="benchmark").benchmarks.downsample.cases
    for preset in cases:
        with library.building(dtype):
            ways = config.build(cases[preset])(8)
        for way in ways:
            library.both_ways(way, (2, 8, 8, 8), dtype)()
            x = torch.ones((2, 8, 8, 8), dtype=getattr(torch, dtype))
            assert way(x).dtype == x.dtype, preset


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_networks_of_peers_train_in_both_dtypes(dtype):
    pytest.importorskip("torch")
    for step, forward in (networks.chollet(4, dtype=dtype), networks.resnet20(4)):
        step(), forward()


@pytest.mark.peers
def test_what_pytorch_cannot_run_is_left_out(capsys):
    def refuse():
        raise RuntimeError("not implemented for 'BFloat16'\nand a trace")

    kept = library.keep_running({"a": lambda: refuse, "b": lambda: list})
    assert kept == {"b": list}
    printed = capsys.readouterr().err
    assert printed == "a is left out: not implemented for 'BFloat16'\n"


@pytest.mark.peers
def test_products_of_pytorch_have_a_precision_for_a_while():
    torch = pytest.importorskip("torch")
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    for tf32, name in ((True, "high"), (False, "highest")):
        with library.multiplying(tf32=tf32):
            assert torch.get_float32_matmul_precision() == name
            assert torch.backends.cudnn.allow_tf32 == tf32
    after = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    assert before == after


def test_every_preset_has_a_peer():
    cases = config.compose(config="benchmark").benchmarks.downsample.cases
    folder = config.CONF / "downsample"
    presets = {path.stem for path in folder.glob("*.yaml")}
    alone = {"asap", "tips"}  # nobody has written a fast form of them
    assert set(cases) == presets - {"base", "base_keep", "none"} - alone
