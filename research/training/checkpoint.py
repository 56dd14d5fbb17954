"""Checkpoints that are never half-written and never silently wrong.

Orbax writes each step into a folder of its own, which appears whole or not at all, in a
thread beside the training. It restores flipped bytes without a word, so beside each
folder lies a manifest of our own, the SHA-256 of every file: it is written last, and a
step without one counts as absent. Nothing is ever overwritten in place.

This is Orbax's `AsyncCheckpointer` rather than its `CheckpointManager`. The manager
removes the oldest step before our manifest of the newest is written; and it removes
what it takes for unfinished as soon as it is made, even by someone who only reads.

With several processes, each writes its devices' part of the arrays to a shared folder;
only the first decides, hashes and removes. A state can be restored however it was laid
out over the devices when it was saved.
"""

from __future__ import annotations

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
from research.training import manifest


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
      UserError: the folder's name is a pattern, which Orbax would try to match.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2):
        self.folder = Path(folder).absolute()
        if set("[]*?") & set(str(self.folder)):
            raise UserError(
                f"{self.folder}: Orbax cannot keep checkpoints in a folder with any of "
                "[ ] * ? in its name; choose another hydra.run.dir, root or name"
            )
        self.keep = keep
        self._saving: Future[None] | None = None

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
        names = (path.stem for path in self.folder.glob("*.sha256"))
        return sorted(int(name) for name in names if name.isdigit())

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
            self._remove_unfinished()
        hosts.barrier(f"save {step}")
        self._orbax.save(self.folder / str(step), copy_on_cpu(state))
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
        notes = [f"{self._damage(bad)}: skipped" for bad in damaged]
        step, state = self._read(step, like)
        return step, state, notes

    def resume(self, like: Any) -> tuple[int, Any, list[str]]:
        """Returns the newest good state as `restore`, and sets damaged ones aside.

        They are renamed to `<step>.bad`, so that training can save that step anew.
        """
        self.wait()
        step, damaged = self._find_good() if hosts.leads() else (0, [])
        notes = [f"{self._damage(bad)}: {self._set_aside(bad)}" for bad in damaged]
        step, state = self._read(step, like)
        return step, state, notes

    def _finish(self, step: int) -> None:
        """Makes a save count once Orbax is through; runs beside the training."""
        self._orbax.wait_until_finished()
        if not hosts.leads():
            return
        write_text(self._manifest(step), manifest.describe(self.folder / str(step)))
        for old in self.steps()[: -self.keep]:
            self._manifest(old).unlink()
            shutil.rmtree(self.folder / str(old))

    def _find_good(self) -> tuple[int, list[int]]:
        """Returns the newest step that matches its manifest, or 0; and newer ones."""
        damaged: list[int] = []
        for step in reversed(self.steps()):
            text = self._manifest(step).read_text(errors="replace")
            if manifest.matches(text, self.folder / str(step)):
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
        return step, self._orbax.restore(self.folder / str(step), args=wanted)

    def _damage(self, step: int) -> str:
        return f"checkpoint {self.folder / str(step)} does not match its checksums"

    def _set_aside(self, step: int) -> str:
        """Renames a step and its manifest; returns what was done."""
        names = [f"{step}.bad", *(f"{step}.bad{n}" for n in range(2, 1000))]
        aside = next(self.folder / n for n in names if not (self.folder / n).exists())
        self._manifest(step).rename(aside.with_name(f"{aside.name}.sha256"))
        if (self.folder / str(step)).exists():
            (self.folder / str(step)).rename(aside)
        return f"renamed {aside.name}"

    def _remove_unfinished(self) -> None:
        """Removes what a kill left of saves that were never finished."""
        good = set(self.steps())
        for folder in self.folder.iterdir():
            name, _, rest = folder.name.partition(".")
            ours = name.isdigit() and (not rest or rest.startswith("orbax"))
            if folder.is_dir() and ours and (rest or int(name) not in good):
                shutil.rmtree(folder)

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

    def _manifest(self, step: int) -> Path:
        return self.folder / f"{step}.sha256"


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
