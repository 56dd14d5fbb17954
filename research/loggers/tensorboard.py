"""TensorBoard: event files in the run folder, written without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from research.loggers.logger import Values
from research.loggers.memory import split_pictures


class Tensorboard:
    """Writes event files into `tensorboard/` of the run folder.

    `tensorboard --logdir outputs` shows all runs below a folder. What a killed run had
    written of steps that it then does again, TensorBoard leaves out.

    Args:
      folder: the run folder.
      step: after which the training goes on.
      config: of the run.
    """

    package: ClassVar[str] = "tensorboardX"
    extra: ClassVar[str] = "tensorboard"

    def __init__(self, folder: Path, step: int, config: Mapping[str, Any]):
        del config  # lies beside it
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def log(self, step: int, values: Values) -> None:
        """Adds values; see `Logger.log`."""
        numbers, pictures = split_pictures(values)
        for name, number in numbers.items():
            self._writer.add_scalar(name, number, step)
        for name, picture in pictures.items():
            self._writer.add_image(name, picture, step, dataformats="HWC")
        self._writer.flush()  # a kill −9 loses none of it

    def close(self) -> None:
        """Writes out what is left."""
        self._writer.close()
