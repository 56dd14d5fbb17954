"""What a seed means: JAX's settings that draws, and so weights and shifts, follow.

A run is what its config says, and they are not in it: of two runs with one config and
other settings the weights differ. JAX reads them from its environment.
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
