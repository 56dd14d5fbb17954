"""How tests have XLA compile: quickly, or as users do.

`python -m compiled` prints the flags, for scripts whose runs are as short.
"""

import os

import jax

QUICKLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "true"}
FLAGS = {"--xla_cpu_parallel_codegen_split_count": "1"}
if jax.__version_info__ < (0, 11):  # later ones know no other way to emit code
    FLAGS["--xla_cpu_use_fusion_emitters"] = "false"


def as_users_do() -> dict[str, str]:
    """Returns the environment of a script that is compiled with every optimisation."""
    words = os.environ.get("XLA_FLAGS", "").split()
    kept = [word for word in words if word.partition("=")[0] not in FLAGS]
    others = {k: v for k, v in os.environ.items() if k not in QUICKLY}
    return others | {"XLA_FLAGS": " ".join(kept)}


if __name__ == "__main__":
    print(" ".join(map("=".join, FLAGS.items())))
