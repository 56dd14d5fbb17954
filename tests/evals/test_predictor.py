import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.errors import UserError
from research.evals.engine import modules
from research.evals.engine.predictor import Predictor
from research.nn.layers import BatchNorm
from research.transforms.shifts import circular


class Net(nnx.Module):
    """Has everything that behaves differently in training."""

    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.norm = BatchNorm(2, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.dense = nnx.Linear(24, 3, rngs=rngs)

    def __call__(self, images):
        x = self.drop(self.norm(images))
        return self.dense(x.reshape(len(x), -1))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (13, 4, 3, 2)).astype(np.uint8)


@pytest.fixture
def offsets():
    return np.random.default_rng(1).integers(-3, 4, (13, 2)).astype(np.int32)


def by_hand(net, images):
    """The inference pass of `Net`, in NumPy."""
    x = images.astype(np.float32) / 255
    x = (x - net.norm.mean[...]) / np.sqrt(net.norm.var[...] + 1e-5)
    x = (x * net.norm.scale[...] + net.norm.bias[...]).reshape(len(x), -1)
    return np.asarray(x @ net.dense.kernel[...] + net.dense.bias[...])


def rolled(images, offsets):
    return np.stack(
        [np.roll(x, d, (0, 1)) for x, d in zip(images, offsets, strict=True)]
    )


@pytest.fixture
def net():
    net = Net(0)
    net.norm.mean[...] = jnp.array([0.4, 0.6])
    net.norm.var[...] = jnp.array([0.5, 0.1])
    return net


@pytest.mark.parametrize("count", [1, 8, 13])
def test_every_example_counts_once_and_in_order(net, images, count):
    got = Predictor(net, batch=8).logits(images[:count])
    np.testing.assert_allclose(got, by_hand(net, images[:count]), atol=1e-5)


def test_perturbs_before_the_classifier_with_each_examples_argument(
    net, images, offsets
):
    got = Predictor(net, batch=8).logits(images, circular, offsets)
    want = by_hand(net, rolled(images, offsets))
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_the_module_stays_in_training_mode_and_keeps_its_statistics(net, images):
    before = by_hand(net, images)
    Predictor(net, batch=8).logits(images)
    assert not net.drop.deterministic
    assert not net.norm.use_running_average
    np.testing.assert_array_equal(by_hand(net, images), before)


def test_networks_of_one_structure_share_a_compilation(net, images):
    Predictor(net, batch=8).logits(images)
    compiled = modules.apply._cache_size()
    other = Net(1)
    got = Predictor(other, batch=8).logits(images)
    assert modules.apply._cache_size() == compiled
    np.testing.assert_allclose(got, by_hand(other, images), atol=1e-5)


def test_foreign_classifiers_get_writable_unit_arrays(images, offsets):
    seen = []

    def foreign(batch):
        assert isinstance(batch, np.ndarray)
        assert batch.dtype == np.float32
        assert batch.flags.writeable
        seen.append(len(batch))
        return batch.sum((1, 2))

    got = Predictor(foreign, batch=8).logits(images, circular, offsets)
    np.testing.assert_allclose(got, images.sum((1, 2)) / 255, rtol=1e-5)
    assert seen == [8, 8]  # one size, so that a jitted classifier compiles once


def test_float_images_are_taken_as_they_are(net, images):
    unit = images.astype(np.float32) / 255
    p = Predictor(net, batch=8)
    np.testing.assert_allclose(p.logits(unit), p.logits(images), atol=1e-6)


def test_the_mesh_divides_the_batch(net):
    assert Predictor(net, batch=8).mesh.size == 2
    assert Predictor(net, batch=7).mesh.size == 1


def test_of_keeps_a_predictor(net):
    p = Predictor(net, batch=4)
    assert Predictor.of(p, batch=64) is p
    assert Predictor.of(net, batch=64).batch == 64


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda x: x.sum(), r"returned an array \(\) for 8 images"),
        (lambda x: x.sum((1, 2))[:3], r"returned an array \(3, 2\) for 8 images"),
        (lambda x: np.full((len(x), 2), np.nan), "returned NaN"),
    ],
)
def test_what_is_not_logits_is_refused(predict, message, images):
    with pytest.raises(UserError, match=message):
        Predictor(predict, batch=8).logits(images)


def test_no_images_and_no_batch_are_refused(net, images):
    with pytest.raises(UserError, match="no images"):
        Predictor(net).logits(images[:0])
    with pytest.raises(UserError, match="batch=0"):
        Predictor(net, batch=0)


@pytest.mark.peers
def test_pytorch_is_a_classifier(images):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24, 3))

    @torch.no_grad()
    def predict(batch):
        return net(torch.from_numpy(batch))

    got = Predictor(predict, batch=8).logits(images)
    weight, bias = (p.detach().numpy() for p in net.parameters())
    want = images.reshape(13, -1).astype(np.float32) / 255 @ weight.T + bias
    np.testing.assert_allclose(got, want, atol=1e-5)
