"""One program on the accelerator and on the CPU, and how far the results differ."""

import jax
import numpy as np

# A product of float32 is rounded to 2⁻²⁴, of TF32 to 2⁻¹¹. What is compared here adds
# up hundreds of products in other orders, and a few layers of them.
FLOAT32 = 1e-4
TF32 = 3e-2


def on_both(accelerator, function, *arguments):
    """Returns the results of a jitted function on the accelerator and on the CPU."""
    program = jax.jit(function)
    results = []
    with jax.default_matmul_precision("highest"):
        for device in (accelerator, jax.devices("cpu")[0]):
            found = program(*jax.device_put(arguments, device))
            assert all(leaf.devices() == {device} for leaf in jax.tree.leaves(found))
            results.append(jax.tree.map(np.asarray, found))
    return results


def difference(found, wanted):
    """Returns the root mean square difference, as a fraction of the wanted values'."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape and np.isfinite(found).all()
    size = np.sqrt(np.mean(wanted**2))
    return np.sqrt(np.mean((found - wanted) ** 2)) / (size or 1.0)
