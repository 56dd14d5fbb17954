"""Intervals, paired comparisons and decisions. NumPy and SciPy, quick to import.

Two sources of spread are kept apart and named: the examples within one trained network
(`bootstrap_mean`) and the seeds of several (`t_interval`, `three_way`); only the
crossed bootstrap mixes them. Where data cannot say how uncertain a mean is, the
interval is `NO_INTERVAL`, never a point. Everything public may be imported from here;
this imports nothing of the project.
"""

from research.stats.crossed import (
    crossed_interval,
    resample_crossed,
    resample_crossed_means,
)
from research.stats.examples import (
    bootstrap_mean,
    draw_weights,
    percentile_interval,
    resample_sums,
)
from research.stats.flips import (
    MatchedFlips,
    Ratio,
    bound_flip_rate,
    count_matched_flips,
    flip_ratio,
    log_flip_rate,
)
from research.stats.interval import LEVEL, NO_INTERVAL, ROUNDING, Interval, Values
from research.stats.leave_one_out import LeaveOneOut, leave_one_out
from research.stats.levels import Interaction, compare_levels
from research.stats.matched import mean_over_kept, right_in_all
from research.stats.multiplicity import first_step_level, holm
from research.stats.power import (
    Power,
    bound_sd,
    count_seeds,
    find_clearance,
    find_power,
    find_widest_sd,
    may_stay_undetermined,
)
from research.stats.seeds import (
    Difference,
    correlate_pairs,
    pair_by_seed,
    paired_difference,
    t_interval,
)
from research.stats.sign_flips import sign_flip, sign_flip_three_way
from research.stats.three_way import (
    Combined,
    Margin,
    Outcome,
    PValues,
    ThreeWay,
    combine_any,
    combine_cases,
    combine_every,
    decide_by_interval,
    margin_ends,
    three_way,
)

__all__ = [
    "LEVEL",
    "NO_INTERVAL",
    "ROUNDING",
    "Combined",
    "Difference",
    "Interaction",
    "Interval",
    "LeaveOneOut",
    "Margin",
    "MatchedFlips",
    "Outcome",
    "PValues",
    "Power",
    "Ratio",
    "ThreeWay",
    "Values",
    "bootstrap_mean",
    "bound_flip_rate",
    "bound_sd",
    "combine_any",
    "combine_cases",
    "combine_every",
    "compare_levels",
    "correlate_pairs",
    "count_matched_flips",
    "count_seeds",
    "crossed_interval",
    "decide_by_interval",
    "draw_weights",
    "find_clearance",
    "find_power",
    "find_widest_sd",
    "first_step_level",
    "flip_ratio",
    "holm",
    "leave_one_out",
    "log_flip_rate",
    "margin_ends",
    "may_stay_undetermined",
    "mean_over_kept",
    "pair_by_seed",
    "paired_difference",
    "percentile_interval",
    "resample_crossed",
    "resample_crossed_means",
    "resample_sums",
    "right_in_all",
    "sign_flip",
    "sign_flip_three_way",
    "t_interval",
    "three_way",
]
