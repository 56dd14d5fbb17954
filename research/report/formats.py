"""Numbers as people read them: three digits, true minus signs, p values."""

from __future__ import annotations

import math
from typing import Any

MISSING = "–"


def format_effect(value: float) -> str:
    """Returns an effect to three digits, at least two after the point below ten."""
    rounded = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return rounded.replace("-", "−")


def format_interval(
    effect: float | None, low: float | None = None, high: float | None = None
) -> str:
    """Returns `4.2 [1.1, 7.3]`, without brackets where there is no interval."""
    if effect is None:
        return MISSING
    if low is None or high is None or low == high:
        return format_effect(effect)
    return f"{format_effect(effect)} [{format_effect(low)}, {format_effect(high)}]"


def format_number(value: float) -> str:
    """Returns a number to three digits; from 100 on, to the whole."""
    if not math.isfinite(value):
        return MISSING
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(0, digits)}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def format_p(value: float) -> str:
    """Returns a p value to two digits, or that it is below 0.001."""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def format_cell(value: Any) -> str:
    """Returns a value of a table as text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    return format_number(value) if isinstance(value, float) else str(value)
