"""Checkpoints that are never half-written and never silently wrong.

Orbax writes each step into a folder of its own, which appears whole or not at all. It
does restore flipped bytes without a word, so we keep our own SHA-256 beside each
folder: it is written last, and a step without a matching one counts as absent.
Restoring falls back to the step before. Nothing is ever overwritten in place.

Of several processes each writes its devices' part of the arrays, into a folder that all
of them see; the first one alone decides, sums up and removes. How a state lay on the
devices when it was saved does not matter to those that restore it.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from research.distributed import hosts
from research.errors import UserError
from research.files.atomic import write_text


class Checkpoints:
    """The checkpoints of one run.

    Args:
      folder: where they lie: `<step>/` and `<step>.sha256`.
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
        self._orbax = ocp.PyTreeCheckpointer()

    def steps(self) -> list[int]:
        """Returns the steps that were saved to the end, oldest first."""
        return sorted(int(path.stem) for path in self.folder.glob("*.sha256"))

    def save(self, step: int, state: Any) -> None:
        """Saves a pytree of arrays as `step`, then drops the oldest ones.

        Raises:
          UserError: the disk has no room for it; nothing is written.
        """
        if hosts.agreed(step in self.steps()):
            return
        self._require_room(sum(leaf.nbytes for leaf in jax.tree.leaves(state)))
        target = self.folder / str(step)
        if hosts.leads():  # finished, but killed before its sum
            shutil.rmtree(target, ignore_errors=True)
        hosts.barrier(f"save {step}")
        self._orbax.save(target, state)  # returns when all processes are through
        if hosts.leads():
            write_text(self._sum(step), digest(target))
            for old in self.steps()[: -self.keep]:
                self._sum(old).unlink()
                shutil.rmtree(self.folder / str(old))
        hosts.barrier(f"saved {step}")

    def restore(self, like: Any) -> tuple[int, Any, list[str]]:
        """Returns the newest good state.

        Args:
          like: a pytree of arrays, whose shapes, dtypes and placement the result takes;
            it may leave out parts of what was saved.

        Returns:
          The step, the state, and a line for each newer step that was found corrupted.
          If nothing good is there: step 0 and `like` itself.
        """
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        wanted = ocp.args.PyTreeRestore(
            item=abstract,
            restore_args=ocp.checkpoint_utils.construct_restore_args(abstract),
            partial_restore=True,
        )
        step, skipped = self._newest_good() if hosts.leads() else (0, [])
        step = hosts.agreed(step)
        if not step:
            return 0, like, skipped
        state = self._orbax.restore(self.folder / str(step), args=wanted)
        return step, state, skipped

    def _newest_good(self) -> tuple[int, list[str]]:
        """Returns the newest step that matches its checksum, or 0; drops newer ones."""
        skipped = []
        for step in reversed(self.steps()):
            folder = self.folder / str(step)
            if folder.is_dir() and digest(folder) == self._sum(step).read_text():
                return step, skipped
            skipped.append(f"checkpoint {folder} does not match its checksum: skipped")
            self._sum(step).unlink()
            shutil.rmtree(folder, ignore_errors=True)
        return 0, skipped

    def _require_room(self, size: int) -> None:
        """Refuses in time: Orbax fails on a full disk with pages of threads' errors."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free, wanted = shutil.disk_usage(self.folder).free, 2 * size + 2**20
        if free < wanted:
            raise UserError(
                f"no room for a checkpoint in {self.folder}: {free / 2**20:.1f} MiB "
                f"are free and {wanted / 2**20:.1f} wanted; make room there, or choose "
                "another root=…; the same command goes on from the last checkpoint"
            )

    def _sum(self, step: int) -> Path:
        return self.folder / f"{step}.sha256"


def digest(folder: Path) -> str:
    """Returns the SHA-256 over the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(folder)} {content}\n".encode())
    return total.hexdigest()
