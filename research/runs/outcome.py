"""How far a run folder has come: trained or not, and which evaluators have measured.

`done.json` is written when a run is complete. It keeps the digest of the training and,
for each file of rows, that of the evaluator's parameters: so a finished run can be
asked for other evaluators, and only these are run. Nothing here needs JAX.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from research.errors import UserError
from research.files.atomic import damaged, read_bytes, write_json
from research.jobs import status
from research.runs import identity

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster


def read_config(folder: Path) -> dict[str, Any]:
    """Returns the config that a run folder was made with, nested.

    Raises:
      UserError: it is no run folder, or the file is damaged.
    """
    path = folder / "config.yaml"
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        raise UserError(
            f"run_dir={folder} is no run folder: it has no config.yaml; give one that "
            "scripts/train.py made, such as run_dir=outputs/runs/default"
        ) from None
    try:
        config = yaml.load(content, LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise damaged(path, " ".join(str(error).split())) from None
    if not isinstance(config, dict):
        raise damaged(path, "it holds no config")
    return config


def require_same_training(folder: Path, config: Any) -> None:
    """Refuses a folder that holds a run of another config.

    Raises:
      UserError: names a key, both values, and what to do.
    """
    if not (folder / "config.yaml").exists():
        raise UserError(
            f"{folder / 'config.yaml'} is missing: nothing says what the checkpoints "
            "beside it are of; bring it back, choose another name=…, or remove the "
            "folder"
        )
    found = identity.difference(read_config(folder), config)
    if found is not None:
        key, before, now = found
        raise UserError(
            f"{folder} holds a run of another config: {key} was {before} and is {now}; "
            "choose another name=…, or remove it"
        )


def is_trained(folder: Path, config: Any) -> bool:
    """Whether the folder holds the finished training of a config."""
    done = status.done(folder)
    if done is None or not (folder / "config.yaml").is_file():
        return False
    kept = done.get("training") or identity.training_digest(read_config(folder))
    return kept == identity.training_digest(config)


def require_trained(folder: Path) -> None:
    """Refuses a run that is not finished.

    Rows of a network that is half trained would lie in its folder when it is.

    Raises:
      UserError: names the folder.
    """
    if status.done(folder) is None:
        raise UserError(
            f"run_dir={folder}: this run is not finished; its command, which "
            "provenance.json names, goes on with it, and then it can be evaluated"
        )


def read_unchanged(folder: Path) -> dict[str, Any]:
    """Returns the config of a run, of a finished one that which it was trained with.

    Raises:
      UserError: names the file.
    """
    config = read_config(folder)
    kept = (status.done(folder) or {}).get("training")
    if kept not in (None, identity.training_digest(config)):
        raise damaged(
            folder / "config.yaml", "it is not the config that done.json is of"
        )
    return config


def unmeasured(folder: Path, config: Any) -> list[str]:
    """Returns the configured evaluators without rows of just these parameters."""
    there = read_digests(folder)
    return [
        name
        for name, (file, digest) in _plan_for(folder, config).items()
        if there.get(file) != digest
        or not any((folder / "eval").glob(f"{file}.jsonl*"))
    ]


def is_done(folder: Path, config: Any) -> bool:
    """Whether nothing is left to do for a config: neither training nor measuring."""
    return is_trained(folder, config) and not unmeasured(folder, config)


def find_stored(config: Any) -> str | None:
    """Returns where the packed store that a config names holds its run, complete.

    So experiments go on over machines: what one has packed, the others skip. A search
    reads its objective from run folders, and looks into no store.

    Returns:
      `STORE/NAME`; None if the store lacks the training or the rows of an evaluator.

    Raises:
      UserError: `store` is no store, or a damaged one.
    """
    flat = identity.flatten(config)
    if flat.get("store") is None or flat.get("objective") is not None:
        return None
    from research.runs import store  # reads Parquet, which most runs need not

    index = Path(flat["store"]) / "store.json"
    changed = index.stat().st_mtime_ns if index.is_file() else 0
    trained, measured_there = store.read_digests(flat["store"], changed)
    for run in trained.get(identity.training_digest(flat), []):
        files = dict(plan_rows(flat, run.config.get("split", "test")).values())
        if files.items() <= measured_there[run.path].items():
            return run.path
    return None


def plan_rows(config: Any, own: str) -> dict[str, tuple[str, str]]:
    """Returns by evaluator the name of its file of rows, and its digest.

    Args:
      config: whose `eval` and `split` count.
      own: the split whose rows have the plain names.
    """
    flat = identity.flatten(config)
    split = flat.get("split", own)
    return {
        name: (file_name(name, split, own), digest)
        for name, digest in identity.evaluator_digests(flat).items()
    }


def own_split(folder: Path, otherwise: str) -> str:
    """Returns the split whose rows have the plain names in a folder."""
    if not (folder / "config.yaml").is_file():
        return otherwise
    return read_config(folder).get("split", otherwise)


def file_name(evaluator: str, split: str, own: str) -> str:
    """Returns what the files of an evaluator are called: rows of two splits have two.

    Args:
      evaluator: its name.
      split: which examples are measured.
      own: the split that the run itself measured, or measures, after training.
    """
    return evaluator if split == own else f"{evaluator}.{split}"


def read_digests(folder: Path) -> Mapping[str, str]:
    """Returns the digest behind each file of rows of a finished run.

    A run of the first edition kept none: there the config says with which parameters
    its evaluators measured.
    """
    done = status.done(folder)
    if done is None:
        return {}
    if "evaluators" in done:
        return done["evaluators"]
    return identity.evaluator_digests(read_config(folder))


def forget(folder: Path, config: Any, evaluators: Collection[str]) -> None:
    """Strikes out what is about to be measured anew, if the run is finished.

    A kill before all of it is written then leaves rows that count as not measured.

    Args:
      folder: the run folder.
      config: of these evaluators, and with the split that will be measured.
      evaluators: by name; what others have measured stays.

    Raises:
      UserError: something is in the way of what will be written.
    """
    plan = _plan_for(folder, config)
    files = {plan[name][0] for name in evaluators}
    require_room(folder, files)
    done = status.done(folder)
    if done is not None:
        kept = {k: v for k, v in read_digests(folder).items() if k not in files}
        write_json(folder / "done.json", done | {"evaluators": kept})


def require_room(folder: Path, files: Iterable[str]) -> None:
    """Refuses what lies in the way of the files of rows that will be written.

    Args:
      folder: the run folder.
      files: their names, as of `file_name`.

    Raises:
      UserError: names the first.
    """
    home = folder / "eval"
    if os.path.lexists(home) and not home.is_dir():
        raise UserError(
            f"{home} is no folder, and one for the files of rows is to be made there; "
            "move it away"
        )
    for name in files:
        for path in (folder / f"eval/{name}{kind}" for kind in (".npz", ".jsonl")):
            if path.is_dir():
                raise UserError(
                    f"{path} is a folder, and a file of rows is to be written there; "
                    "move it away"
                )


def record(folder: Path, config: Any) -> None:
    """Notes in `done.json` which evaluators have measured, if the run is finished.

    Args:
      folder: the run folder.
      config: whose `eval` and `split` they were.
    """
    done = status.done(folder)
    if done is not None:
        digests = dict(read_digests(folder)) | dict(_plan_for(folder, config).values())
        write_json(folder / "done.json", done | {"evaluators": digests})


def finish(
    folder: Path,
    config: Any,
    earlier: Mapping[str, str] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Writes `done.json`, last of all: the run is complete.

    Args:
      folder: the run folder.
      config: that it was trained and measured with.
      earlier: digests of rows that were there before, of the same weights.
      **facts: `steps`, `parameters`, `seconds`.

    Returns:
      Its content.
    """
    done = (status.done(folder) or {}) | facts
    done |= {"training": identity.training_digest(config)}
    digests = {**(earlier or {}), **read_digests(folder)}
    digests |= dict(_plan_for(folder, config).values())
    done |= {"evaluators": digests}
    done.pop("config_sha256", None)  # of the first edition
    write_json(folder / "done.json", done)
    return done


def _plan_for(folder: Path, config: Any) -> dict[str, tuple[str, str]]:
    split = identity.flatten(config).get("split", "test")
    return plan_rows(config, own_split(folder, split))
