"""Puts the page together: one HTML file with its style, scripts, data and figures."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import pandas as pd

from research.claims.verdict import Verdict
from research.errors import UserError
from research.files.atomic import write_text
from research.report.figures.arms import seeds
from research.report.page.explorers import explorers
from research.report.page.plane import planes
from research.report.page.verdicts import article, glance, overview, together

Judge = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], Sequence[Verdict]]

ASSETS = files("research.report.page") / "assets"
STYLES = ["base.css", "choices.css", "verdicts.css", "explorers.css", "plane.css"]
KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


def write(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    judge: Judge | None = None,
    out: str | Path,
    networks: int = 16,
    names: Mapping[str, Sequence[str]] | None = None,
    split: str = "test",
    fewest_seeds: int = 3,
) -> Path:
    """Writes the page; the same rows, verdicts and figures give the same bytes.

    The figures that a verdict names are taken from beside the page, where
    `research.report.figures.style.save` left them.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: as `read_metrics` returns them.
      judge: `judge(runs, rows, metrics) → verdicts`, in order; None for none.
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
    verdicts, reason = judged(judge, runs, rows, metrics)
    sets = explorers(runs, rows, networks=networks, names=names, split=split)
    plane = planes(runs, rows, split=split, fewest_seeds=fewest_seeds)
    if not (verdicts or sets or plane):
        raise UserError(
            "no verdicts, no rows of explorer and no plane of downsamplers; measure "
            "some with scripts/evaluate.py run_dir=… eval=explorer" + reason
        )
    figures = embedded(verdicts, Path(out).parent)
    common = together(verdicts, figures)
    own = [name for name in figures if name not in common]
    sections = {
        "verdicts": bool(verdicts),
        "shifts": bool(sets),
        "fields": any(one["stages"] for each in sets for one in each["networks"]),
        "plane": bool(plane),
    }
    data = {"sets": sets, "planes": plane, "figures": figures}
    page = Template(asset("page.html")).substitute(
        style="".join(asset(name) for name in STYLES),
        modules=script(json.dumps(modules())),
        data=script(json.dumps(data, ensure_ascii=False, separators=(",", ":"))),
        glance=glance(verdicts) if verdicts else "",
        articles=overview(common)
        + "".join(article(verdict, own) for verdict in verdicts),
        scale=escape(scale(runs)),
        **{f"{name}_hidden": "" if on else "hidden" for name, on in sections.items()},
    )
    write_text(out, page)
    return Path(out)


def judged(judge: Judge | None, *tables: pd.DataFrame) -> tuple[Sequence[Verdict], str]:
    """Returns the verdicts, or none and why."""
    if judge is None:
        return [], ""
    try:
        return judge(*tables), ""
    except UserError as error:
        return [], f"; {error}"


def asset(name: str) -> str:
    """Returns the text of a file in `assets/`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def modules() -> dict[str, dict[str, str]]:
    """Returns an import map: each script's name → itself, as a URL."""
    scripts = sorted(one.name for one in ASSETS.iterdir() if one.name.endswith(".js"))
    return {"imports": {name: url("text/javascript", asset(name)) for name in scripts}}


def url(kind: str, content: str | bytes) -> str:
    """Returns content as a URL that holds all of it."""
    raw = content.encode() if isinstance(content, str) else content
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def script(text: str) -> str:
    """Returns JSON that may stand in a script element: nothing in it closes that."""
    return text.replace("<", "\\u003c")


def embedded(verdicts: Sequence[Verdict], folder: Path) -> dict[str, str]:
    """Returns name → URL of the verdicts' figures that lie in a folder.

    Of each the SVG, or the PNG where that is smaller.
    """
    found = {}
    for name in dict.fromkeys(name for verdict in verdicts for name in verdict.figures):
        saved = [folder / f"{name}{suffix}" for suffix in KINDS]
        contents = {one: one.read_bytes() for one in saved if one.is_file()}
        if contents:
            smallest = min(contents, key=lambda one: len(contents[one]))
            found[name] = url(KINDS[smallest.suffix], contents[smallest])
    return found


def scale(runs: pd.DataFrame) -> str:
    """Returns how much was run: the first thing that a reader must know."""
    told = [f"{len(runs):,} runs"]
    for group in ("data", "model"):
        if group in runs:
            found = sorted(str(one) for one in runs[group].dropna().unique())
            told.append(f"{group}: {', '.join(found)}")
    each = seeds(pd.Series([runs["seed"].nunique()]))
    commits = sorted({str(one)[:10] for one in runs["commit"].dropna() if one})
    told.append(f"at most {each} of each")
    if commits:
        told.append(f"commit {', '.join(commits)}")
    if runs["dirty"].eq(True).any():
        told.append("some with changes that were not committed")
    return "; ".join(told) + "."
