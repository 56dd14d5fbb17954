"""Puts the page together: one HTML file with its style, scripts, data and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from research.claims.verdict import Verdict
from research.errors import UserError
from research.files.atomic import write_text
from research.ranges import Count
from research.report.estimates import format_seeds
from research.report.page.answer import answer_question
from research.report.page.embed import embed_figures, map_imports
from research.report.page.explorers import collect_sets
from research.report.page.levels import draw_levels
from research.report.page.opening import draw_opening
from research.report.page.plane import find_planes
from research.report.page.render import ENVIRONMENT, read_asset
from research.report.page.verdicts import (
    count_questions,
    describe_verdict,
    find_common,
)
from research.report.possible import clip_all
from research.report.results import Results

STYLES = [
    "base.css",
    "choices.css",
    "answer.css",
    "verdicts.css",
    "explorers.css",
    "plane.css",
    "phone.css",
]
SECTIONS = [
    ("answer", "Answer"),
    ("book", "The network in question"),
    ("verdicts", "Verdicts"),
    ("shifts", "Shifts"),
    ("fields", "Receptive fields"),
    ("plane", "Plane of downsamplers"),
]
SMOKE = "smoke/"  # settings whose runs mean nothing


def write(
    results: Results,
    *,
    out: str | Path,
    networks: Count = 16,
    names: Mapping[str, Sequence[str]] | None = None,
    split: str = "test",
    fewest_seeds: Count = 3,
) -> Path:
    """Writes the page; the same results and figures give the same bytes.

    The figures that a verdict names are taken from beside the page, where
    `research.report.figures.style.save` left them.

    Args:
      results: with verdicts, rows of `eval=explorer`, or a plane of downsamplers.
      out: the file, `….html`.
      networks: how many of each data set can be explored, at most.
      names: of the classes, by data set.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.

    Returns:
      The file.

    Raises:
      UserError: there is nothing to show, or the folder cannot be written.
    """
    verdicts, reason = judge_claims(results)
    sets = collect_sets(results, networks=networks, names=names, split=split)
    planes = find_planes(results, split=split, fewest_seeds=fewest_seeds)
    if not (verdicts or sets or planes):
        raise UserError(
            "no verdicts, no rows of explorer and no plane of downsamplers; measure "
            "some with scripts/evaluate.py run_dir=… eval=explorer" + reason
        )
    figures = embed_figures(verdicts, Path(out).parent)
    common = find_common(verdicts, figures)
    own = {name: one for name, one in figures.items() if name not in common}
    levels = draw_levels(results, verdicts)
    shown = [describe_verdict(one, own, levels.get(one.id, ())) for one in verdicts]
    has_fields = any(one["stages"] for each in sets for one in each["networks"])
    there = (*[bool(verdicts)] * 3, bool(sets), has_fields, bool(planes))
    page = ENVIRONMENT.get_template("page.html").render(
        style=Markup("".join(map(read_asset, STYLES))),
        imports=map_imports(),
        data={"sets": sets, "planes": planes},
        sections=[
            one for one, is_there in zip(SECTIONS, there, strict=True) if is_there
        ],
        answer=answer_question(results) if verdicts else None,
        smoke=is_smoke(results.runs),
        scale=describe_scale(results.runs),
        commits=describe_commits(results.runs),
        opening=draw_opening(results, split),
        common={name: figures[name] for name in common},
        counted=count_questions(verdicts),
        verdicts=shown,
        has_fields=has_fields,
    )
    write_text(out, page)
    return Path(out)


def judge_claims(results: Results) -> tuple[Sequence[Verdict], str]:
    """Returns the verdicts, or none and why."""
    try:
        return clip_all(results.verdicts), ""
    except UserError as error:
        return [], f"; {error}"


def is_smoke(runs: pd.DataFrame) -> bool:
    """Returns whether any run is of a scale that only shows that everything runs."""
    settings = runs["setting"].dropna() if "setting" in runs else []
    return any(str(one).startswith(SMOKE) for one in settings)


def describe_scale(runs: pd.DataFrame) -> str:
    """Returns how much was run: what a reader must know."""
    parts = [f"{len(runs):,} runs"]
    for group in ("data", "model"):
        if group in runs:
            options = sorted(str(one) for one in runs[group].dropna().unique())
            parts.append(f"{group}: {', '.join(options)}")
    seeds = format_seeds(pd.Series([runs["seed"].nunique()]))
    of_claims = "setting" in runs and runs["setting"].notna().any()
    tuned = ", that of tuning included" if of_claims else ""
    return "; ".join([*parts, f"at most {seeds} of each{tuned}"]) + "."


def describe_commits(runs: pd.DataFrame) -> str:
    """Returns the commits that runs were made from; empty where none is known."""
    commits = sorted({str(one)[:10] for one in runs["commit"].dropna() if one})
    if not commits:
        return ""
    dirty = runs["dirty"].eq(True).any()
    more = "; some with changes that were not committed" if dirty else ""
    return f"{', '.join(commits)}{more}."
