"""MLflow: on a server, or as files beside the runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from research.loggers.logger import Values
from research.loggers.memory import Memory, refuse_empty, split_pictures

PARAMETER = 500  # characters that MLflow keeps of the value of one


class Mlflow:
    """Logs to an experiment of MLflow.

    The run there is named after the run folder, its parameters are the keys of the
    config, and it goes on under the same id, which `mlflow.json` keeps.

    Args:
      folder: the run folder.
      step: after which the training goes on.
      config: of the run.
      uri: of the server; None: `mlruns/` beside the run folders.
      experiment: its name there; None: that of the folder of all runs.

    Raises:
      UserError: the experiment has an empty name.
    """

    package: ClassVar[str] = "mlflow"
    extra: ClassVar[str] = "mlflow"

    def __init__(
        self,
        folder: Path,
        step: int,
        config: Mapping[str, Any],
        *,
        uri: str | None = None,
        experiment: str | None = None,
    ):
        if experiment is not None:
            refuse_empty("logger.experiment", experiment)
        # Version 3 asks for this, where files are to be its store.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        del step  # the memory knows it of each value
        beside = folder.absolute().parent
        self._client = MlflowClient(tracking_uri=uri or (beside / "mlruns").as_uri())
        self._memory = Memory(folder, "mlflow")
        if self._memory.run is None:
            self._begin(folder.name, experiment or beside.name, config)

    def _begin(self, name: str, experiment: str, config: Mapping[str, Any]) -> None:
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        try:
            place = self._client.create_experiment(experiment)
        except MlflowException:  # it is there, as for all runs but the first
            known = self._client.get_experiment_by_name(experiment)
            if known is None:
                raise
            place = known.experiment_id
        run = self._client.create_run(place, run_name=name).info.run_id
        params = [
            Param(key, str(value)[:PARAMETER])
            for key, value in config.items()
            if not key.endswith("_")  # how objects are built
        ]
        self._client.log_batch(run, params=params)
        self._memory.name(run)

    def log(self, step: int, values: Values) -> None:
        """Adds values; see `Logger.log`."""
        from mlflow.entities import Metric
        from PIL import Image

        values = self._memory.choose_new(step, values)
        numbers, pictures = split_pictures(values)
        now = int(1000 * time.time())
        metrics = [Metric(name, each, now, step) for name, each in numbers.items()]
        run = self._memory.name()
        if metrics:
            self._client.log_batch(run, metrics=metrics)
        for name, picture in pictures.items():
            file = f"{name}_{step}.png"
            self._client.log_image(run, Image.fromarray(picture), file)
        self._memory.note(step, values)

    def close(self) -> None:
        """Says that the run is finished."""
        self._client.set_terminated(self._memory.name())
