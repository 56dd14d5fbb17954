"""What a seed means: settings of JAX that change which weights and shifts it draws.

A run is what its config says, and these are not in it: two runs with the same config
and other settings would have other weights. JAX reads them from its environment.
"""

from __future__ import annotations

import jax

from research.errors import UserError

SETTINGS = {
    "jax_enable_x64": False,  # else draws are of 64 bits, and others
    "jax_default_prng_impl": "threefry2x32",  # others draw for a batch, not an example
    "jax_threefry_partitionable": True,  # else the first draws depend on how many
}


def require_settings() -> None:
    """Refuses settings of JAX by which a seed means something else.

    Raises:
      UserError: names the first.
    """
    for name, wanted in SETTINGS.items():
        found = getattr(jax.config, name, wanted)
        if found != wanted:
            raise UserError(
                f"{name.upper()}={found}: with it a seed draws other weights and "
                f"shifts than with the same config elsewhere; takes {wanted}: unset it"
            )
