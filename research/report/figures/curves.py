"""Training curves: loss and accuracy against the epoch."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from research.errors import NoRows
from research.report.estimates import format_range, format_seeds
from research.report.figures.findings import compare_arms
from research.report.figures.looks import current
from research.report.figures.style import (
    Width,
    add_legend,
    create_axes,
    label_percent,
    letter_panel,
    set_log_scale,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
from research.report.results import Results


@styled
def draw(
    results: Results,
    *,
    splits: Sequence[str] = ("train", "validation", "test"),
    width: Width | None = None,
) -> Drawn:
    """Draws the mean over seeds with their range; a column of panels for each split.

    Args:
      results: with rows of training.
      splits: the columns, as far as there are rows.
      width: `one` or `two` columns; None for what the style in use has.

    Raises:
      NoRows: there are no training rows.
    """
    metrics = results.labelled_metrics
    present = [split for split in splits if (metrics["split"] == split).any()]
    if not present:
        raise NoRows(
            f"no rows of {', '.join(splits)} in any metrics.jsonl; choose runs=… that "
            "scripts/train.py made"
        )
    styles = style_arms(results.arms)
    width = width or current().width
    shape = {"nrows": 2, "ncols": len(present), "squeeze": False}
    figure, grid = create_axes(width, 4.2, sharex=True, sharey="row", **shape)
    for column, split in enumerate(present):
        of_split = metrics[metrics["split"] == split]
        for row, measure in enumerate(["loss", "accuracy"]):
            axes = grid[row, column]
            for arm, style in styles.items():
                over = of_split[of_split["arm"] == arm].groupby("epoch")[measure]
                low, mean, high = over.min(), over.mean(), over.max()
                alone = mean.count() == 1  # a point has no line and no band
                look = {
                    "color": style.color,
                    "linestyle": style.line,
                    "label": style.name,
                }
                axes.plot(mean, marker=style.marker if alone else "", **look)
                band = axes.vlines if alone else axes.fill_between
                shade = {"color": style.color, "alpha": 0.2}
                band(mean.index, low, high, linewidth=3 if alone else 0, **shade)
            title = f"{measure.title()}, {split}" if width == "two" else split
            title = letter_panel(row * len(present) + column, title)
            axes.set_title(title, loc="left")
        grid[1, column].set_xlabel("Epoch")
    set_log_scale(grid[0, 0])
    grid[0, 0].set_ylabel("Loss (nats)")
    label_percent(grid[1, 0].yaxis, "Accuracy", better=1)
    add_legend(figure, grid[0, 0])
    per_arm = metrics.groupby("arm")["seed"].nunique()
    lines = f"Lines: mean of {format_seeds(per_arm)}; bands: range over seeds."
    of_last = metrics[metrics["split"] == present[-1]]
    final = of_last[
        of_last["epoch"] == of_last.groupby("arm")["epoch"].transform("max")
    ]
    means = final.groupby("arm", as_index=False, sort=False)["accuracy"].mean()
    names = {arm: style.name for arm, style in styles.items()}
    said = compare_arms(means.rename(columns={"accuracy": "value"}), names)
    describe(
        figure,
        f"Accuracy after the last epoch ({present[-1]}): {said}",
        shows="Loss and accuracy while the networks train.",
        note=f"{count_examples(metrics, present)}{lines}",
    )
    return figure


def count_examples(metrics: pd.DataFrame, splits: Sequence[str]) -> str:
    """States how many examples each split's rows are means over, if they say so."""
    if "examples" not in metrics:
        return ""
    known = metrics.dropna(subset="examples").astype({"examples": int})
    counts = {split: known.loc[known["split"] == split, "examples"] for split in splits}
    stated = [f"{format_range(n)} {split}" for split, n in counts.items() if len(n)]
    return f"Examples an epoch: {', '.join(stated)}. " if stated else ""
