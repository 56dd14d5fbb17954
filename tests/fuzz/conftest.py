"""`make test-fuzz` draws new cases for MINUTES; `make test` a few, always the same."""

import os

from hypothesis import HealthCheck, Phase, settings

MINUTES = float(os.environ.get("MINUTES", "0"))  # for each module
settings.register_profile(
    "fuzz",
    max_examples=10**6 if MINUTES else 12,
    deadline=None,
    derandomize=not MINUTES,
    database=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")
