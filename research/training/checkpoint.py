"""Checkpoints that are never half-written and never silently wrong.

Orbax writes each step into a folder of its own, which appears whole or not at all, in a
thread beside the training. It restores flipped bytes without a word, so beside each
folder lies a manifest of our own, the SHA-256 of every file: it is written last, and a
step without one counts as absent. Nothing is ever overwritten in place.

This is Orbax's `AsyncCheckpointer` rather than its `CheckpointManager`. The manager
removes the oldest step before our manifest of the newest is written; and it removes
what it takes for unfinished as soon as it is made, even by someone who only reads.

Reading changes nothing on disk. Training removes what it wrote itself: superseded
steps, and Orbax's temporary folders. Anything else in the way is renamed and kept.

With several processes, each writes its devices' part of the arrays to a shared folder;
only the first decides, hashes and removes. A state can be restored however it was laid
out over the devices when it was saved.
"""

from __future__ import annotations

import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import jax
import jax.numpy as jnp

from research.distributed import hosts
from research.errors import UserError
from research.files.atomic import write_text
from research.files.leftovers import is_leftover
from research.training import manifest

TEMPORARY = re.compile(r"[0-9]+\.orbax-checkpoint-tmp(-[0-9]+)?")  # as Orbax names them


def orbax() -> ModuleType:
    """Returns Orbax, which a first step need not wait for: a quarter of a second."""
    import orbax.checkpoint

    return orbax.checkpoint


class Checkpoints:
    """The checkpoints of one run; a context that ends when all are on disk.

    Args:
      folder: where they lie: `<step>/` and its manifest `<step>.sha256`.
      keep: how many of the newest to keep: one to go on from, one to fall back to.

    Raises:
      UserError: the folder's name is a pattern, which Orbax would try to match. In one
        a backslash is no letter, and a checkpoint there loses its parts.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2):
        self.folder = Path(folder).absolute()
        if set("[]*?\\") & set(str(self.folder)):
            raise UserError(
                f"{self.folder}: Orbax cannot keep checkpoints in a folder with any of "
                "[ ] * ? \\ in its name; choose another hydra.run.dir, root or name"
            )
        self.keep = keep
        self._saving: Future[None] | None = None
        self._begun: set[int] = set()  # steps that this object has begun to save

    @cached_property
    def _orbax(self) -> Any:
        ocp = orbax()
        return ocp.AsyncCheckpointer(ocp.PyTreeCheckpointHandler())

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.wait()
        elif self._saving is not None:  # whose own error must not hide this one
            wait([self._saving])

    def steps(self) -> list[int]:
        """Returns the steps that were saved to the end, oldest first."""
        files = (path for path in self.folder.glob("*.sha256") if path.is_file())
        found = (parse_step(path.stem) for path in files)
        return sorted(step for step in found if step is not None)

    def save(self, step: int, state: Any) -> None:
        """Begins to save a pytree of arrays as `step`; the oldest ones go afterwards.

        Waits for the save before this one, and until the arrays are copied: they may
        then be donated.

        Raises:
          UserError: the disk has no room for it; nothing is written.
        """
        self.wait()
        if hosts.agree_on(step in self.steps()):
            return
        self._require_room(sum(leaf.nbytes for leaf in jax.tree.leaves(state)))
        if hosts.leads():
            self._clear(step)
        hosts.barrier(f"save {step}")
        self._orbax.save(self._at(step), copy_on_cpu(state))
        thread = ThreadPoolExecutor(1, "checkpoint")
        self._saving = thread.submit(self._finish, step)
        thread.shutdown(wait=False)

    def wait(self) -> None:
        """Returns when no save is under way any more.

        If the save failed, its exception is raised here; earlier checkpoints stay.
        """
        if self._saving is not None:
            saving, self._saving = self._saving, None
            saving.result()
            hosts.barrier("saved")

    def restore(self, like: Any) -> tuple[int, Any, list[str]]:
        """Returns the newest good state and changes nothing on disk.

        Args:
          like: a pytree of arrays, whose shapes, dtypes and placement the result takes;
            it may leave out parts of what was saved.

        Returns:
          The step, the state, and a line for each newer step that was found damaged.
          If nothing good is there: step 0 and `like` itself.
        """
        self.wait()
        step, damaged = self._find_good() if hosts.leads() else (0, [])
        notes = [f"{self._describe(bad)}: skipped" for bad in damaged]
        step, state = self._read(step, like)
        return step, state, notes

    def resume(self, like: Any) -> tuple[int, Any, list[str]]:
        """Returns the newest good state as `restore`, and sets all others aside.

        Those that are damaged or have no manifest are renamed to `<step>.bad`, so that
        training can save that step anew. Temporary folders of Orbax, which a kill has
        left, are removed.
        """
        self.wait()
        step, notes = 0, []
        if hosts.leads():
            step, damaged = self._find_good()
            aside = [*damaged, *self._without_manifest()]
            notes = [f"{self._describe(bad)}: {self._set_aside(bad)}" for bad in aside]
            self._remove_temporary()
        step, state = self._read(step, like)
        return step, state, notes

    def _finish(self, step: int) -> None:
        """Makes a save count once Orbax is through; runs beside the training."""
        self._orbax.wait_until_finished()
        if not hosts.leads():
            return
        write_text(self._manifest(step), manifest.describe(self._at(step)))
        for old in self.steps()[: -self.keep]:
            self._remove(old)

    def _find_good(self) -> tuple[int, list[int]]:
        """Returns the newest step that matches its manifest, or 0; and newer ones."""
        damaged: list[int] = []
        for step in reversed(self.steps()):
            text = self._manifest(step).read_text(errors="replace")
            if manifest.matches(text, self._at(step)):
                return step, damaged
            damaged.append(step)
        return 0, damaged

    def _read(self, step: int, like: Any) -> tuple[int, Any]:
        step = hosts.agree_on(step)
        if not step:
            return 0, like
        ocp = orbax()
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        wanted = ocp.args.PyTreeRestore(
            item=abstract,
            restore_args=ocp.checkpoint_utils.construct_restore_args(abstract),
            partial_restore=True,
        )
        return step, self._orbax.restore(self._at(step), args=wanted)

    def _without_manifest(self) -> list[int]:
        """Returns the steps that somebody, or a kill, left without a manifest."""
        if not self.folder.is_dir():
            return []
        there = {parse_step(path.name) for path in self.folder.iterdir()}
        return sorted(step for step in there - {*self.steps()} if step is not None)

    def _describe(self, step: int) -> str:
        """Says what is wrong with a step that does not count."""
        known = self._manifest(step).is_file()
        fault = "does not match its checksums" if known else "has no checksums"
        return f"checkpoint {self._at(step)} {fault}"

    def _set_aside(self, step: int) -> str:
        """Renames a step and its manifest; returns what was done."""
        names = [f"{step}.bad", *(f"{step}.bad{n}" for n in range(2, 1000))]
        aside = next(self.folder / n for n in names if not (self.folder / n).exists())
        for path, suffix in ((self._manifest(step), ".sha256"), (self._at(step), "")):
            if path.exists():
                path.rename(aside.with_name(f"{aside.name}{suffix}"))
        return f"renamed {aside.name}"

    def _clear(self, step: int) -> None:
        """Makes way for a save: what is ours is removed, anything else set aside."""
        if step in self._begun:
            shutil.rmtree(self._at(step), ignore_errors=True)
        if self._at(step).exists() or self._manifest(step).exists():
            self._set_aside(step)
        self._begun.add(step)
        self._remove_temporary()

    def _remove_temporary(self) -> None:
        """Removes what a kill has left of saves that were never finished."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if TEMPORARY.fullmatch(path.name) and path.is_dir():
                    shutil.rmtree(path)

    def _remove(self, step: int) -> None:
        """Removes a superseded step, but for files in it that are somebody else's."""
        folder, described = self._at(step), self._manifest(step)
        ours = manifest.names(described.read_text(errors="replace"), folder)
        described.unlink()
        for path in sorted(folder.rglob("*"), reverse=True):  # files before folders
            if path.is_dir() and not path.is_symlink():
                remove_if_empty(path)
            elif path in ours or is_leftover(path.name):
                path.unlink()
        remove_if_empty(folder)

    def _require_room(self, size: int) -> None:
        """Refuses early: Orbax fails on a full disk with pages of errors of threads."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free, wanted = shutil.disk_usage(self.folder).free, 2 * size + 2**20
        if free < wanted:
            raise UserError(
                f"no room for a checkpoint in {self.folder}: {free / 2**20:.1f} MiB "
                f"are free and {wanted / 2**20:.1f} wanted; make room there, or choose "
                "another root=…; the same command goes on from the last checkpoint"
            )

    def _at(self, step: int) -> Path:
        return self.folder / str(step)

    def _manifest(self, step: int) -> Path:
        return self.folder / f"{step}.sha256"


def parse_step(name: str) -> int | None:
    """Returns the step that a name is, or None: `0012` and `12 (1)` are not ours."""
    whole = re.fullmatch(r"0|[1-9][0-9]*", name)
    return int(name) if whole else None


def remove_if_empty(folder: Path) -> None:
    """Removes a folder that nothing lies in."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def copy_on_cpu(state: Any) -> Any:
    """Returns arrays that a donation of `state` leaves as they are.

    An accelerator's arrays are copied to the host when Orbax is given them. A CPU's are
    there already: Orbax would read the very buffers that the next step wants to reuse.
    """
    devices = jax.tree.leaves(state)[0].devices()
    if any(device.platform == "cpu" for device in devices):
        return copy(state)
    return state


@jax.jit
def copy(tree: Any) -> Any:
    """Returns a copy of every array of a tree, where it lies."""
    return jax.tree.map(jnp.copy, tree)
