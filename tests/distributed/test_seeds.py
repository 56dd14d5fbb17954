"""Settings of JAX by which a seed would mean other numbers are refused."""

import jax
import pytest

from research.distributed import devices, seeds
from research.errors import UserError


def test_those_that_jax_has_by_itself_are_taken():
    seeds.require_settings()
    assert all(hasattr(jax.config, name) for name in seeds.SETTINGS)


@pytest.mark.parametrize(
    "name, value",
    [
        ("jax_enable_x64", True),
        ("jax_default_prng_impl", "rbg"),
        ("jax_threefry_partitionable", False),
    ],
)
def test_others_are_refused_before_anything_is_drawn(name, value, tmp_path):
    before = jax.random.normal(jax.random.key(0), (3,)).tolist()
    usual = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        drawn = jax.random.normal(jax.random.key(0), (3,)).tolist()
        with pytest.raises(UserError, match=rf"^{name.upper()}={value}: .*unset it$"):
            devices.prepare(tmp_path)
    finally:
        jax.config.update(name, usual)
    assert drawn != before or name == "jax_threefry_partitionable"
    assert not list(tmp_path.iterdir())
