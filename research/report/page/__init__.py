"""One page that needs nothing else: verdicts, and explorers of what was measured.

`write` makes it from rows, figures and verdicts; `assets/` holds its HTML, style and
scripts, small modules by subject. Nothing here imports JAX.
"""

from research.report.page.build import write

__all__ = ["write"]
