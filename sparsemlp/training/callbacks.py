"""Callbacks: what happens around epochs. Subclass `Callback` and override what you need."""

from __future__ import annotations

import copy
import csv
import errno
import math
import os
import pathlib
import warnings
from typing import TYPE_CHECKING, Any

from .. import checks
from ..files import write_text
from ..schedules import as_learning_rate, as_schedule

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Does nothing at every occasion.

    A run calls on_fit_begin, then for each epoch on_epoch_begin, on_step_end after each step, on_epoch_end; then on_fit_end, also when it
    is interrupted.
    Setting `trainer.stop_training = "reason"` ends the run after the epoch.
    """

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """Before epoch `epoch` (from 0) and before its topology change."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After each step and its topology change; what it takes counts as time of training."""

    def on_epoch_end(self, trainer: Trainer, record: dict) -> None:
        """After the evaluation; `record` is the epoch's entry of the history."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, or after an interruption."""


def _sign(monitor: str, mode: str) -> int:
    """+1 if larger is better, -1 if smaller is."""
    checks.choice("mode", mode, ("auto", "max", "min"))
    if mode == "auto":
        mode = "min" if monitor.endswith("loss") else "max"
    return 1 if mode == "max" else -1


def _require_monitored(trainer: Trainer, monitor: str, owner: str) -> None:
    """Raise ValueError, before the first step, if the run's history will not have this number; a callback of one's own may add it."""
    own = any(not type(c).__module__.startswith("sparsemlp.") for c in trainer.callbacks)
    if monitor not in trainer.monitored and not own:
        fix = " Give fit(validation_data=...)." if monitor.startswith("val_") else ""
        raise ValueError(
            f"{owner}.monitor must be in the history; got {monitor!r}, this run will have {', '.join(trainer.monitored)}.{fix}"
        )


def _monitored(record: dict, monitor: str, owner: str) -> Any:
    if record.get(monitor) is None:
        have = ", ".join(k for k, v in record.items() if isinstance(v, float))
        raise ValueError(f"{owner}.monitor must be in the history; got {monitor!r}, the epoch has {have}.")
    return record[monitor]


def _require_writable(path: Any, owner: str) -> None:
    """Raise OSError, before the first step, if a file cannot be written there."""
    folder = pathlib.Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"{owner} writes into a folder that does not exist; make it first.", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, f"{owner} writes into a folder that is read-only.", str(folder))


def _connections(record: dict) -> int:
    return sum(record.get("connections", ()))


class EarlyStopping(Callback):
    """End the run when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    Parameters
    ----------
    monitor : str
        Entry of the history.
    patience : int
        Epochs, at least 1.
    min_delta : float
    mode : {"auto", "max", "min"}
        "auto": losses shall fall, everything else rise.

    Notes
    -----
    Epochs before the network lost connections do not count: a net that was pruned is compared with itself only.

    Examples
    --------
    >>> EarlyStopping("val_loss", patience=5).patience
    5
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 10, min_delta: float = 0.0, mode: str = "auto") -> None:
        self.monitor, self.sign = monitor, _sign(monitor, mode)
        self.patience = checks.integer("EarlyStopping.patience", patience, 1)
        self.min_delta = checks.real("EarlyStopping.min_delta", min_delta, 0)
        self.best, self.waited = -math.inf, 0

    def on_fit_begin(self, trainer: Trainer) -> None:
        _require_monitored(trainer, self.monitor, "EarlyStopping")
        self.best, self.waited, self._held = -math.inf, 0, math.inf
        for record in trainer.history.records:  # of the run that is resumed
            if record.get(self.monitor) is not None:  # the first part may have had no validation data
                self._see(record)

    def _see(self, record: dict) -> None:
        if _connections(record) < self._held:  # a net that was pruned is compared with itself only
            self._held, self.best, self.waited = _connections(record), -math.inf, 0
        value = self.sign * _monitored(record, self.monitor, "EarlyStopping")
        if value > self.best + self.min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def on_epoch_end(self, trainer: Trainer, record: dict) -> None:
        self._see(record)
        if self.waited >= self.patience:
            trainer.stop_training = f"{self.monitor} did not improve for {self.patience} epochs"


class BestWeights(Callback):
    """Put the weights of the epoch with the best `monitor` back at the end of the run (topology and optimizer state with them).

    Parameters
    ----------
    monitor : str
    mode : {"auto", "max", "min"}

    Attributes
    ----------
    epoch : int or None
        The epoch whose weights are kept.

    Notes
    -----
    Holds one copy of the network's layers. Epochs before the network lost connections do not count: putting their weights back would
    undo the pruning. A checkpoint holds the best weights so far, and a run that is resumed from it goes on with them.
    """

    def __init__(self, monitor: str = "val_accuracy", mode: str = "auto") -> None:
        self.monitor, self.sign = monitor, _sign(monitor, mode)
        self.best, self.epoch, self._layers, self._held = -math.inf, None, None, math.inf

    def on_fit_begin(self, trainer: Trainer) -> None:
        _require_monitored(trainer, self.monitor, "BestWeights")
        if trainer.epoch == 0:
            self.best, self.epoch, self._layers, self._held = -math.inf, None, None, math.inf
        elif self._layers is None:
            self._take_over(trainer)

    def _take_over(self, trainer: Trainer) -> None:
        """Go on with the best weights of the part of the run that a checkpoint holds, or say that they are lost."""
        kept = trainer.kept.get(self.monitor)
        if kept is not None:
            layers = copy.deepcopy(kept["layers"])
            self.best, self.epoch, self._layers = kept["best"], kept["epoch"], layers
            self._held = sum(layer.weights.n_connections for layer in layers if layer.weights is not None)
            return
        seen = [r for r in trainer.history.records if r.get(self.monitor) is not None]
        if seen:
            best = max(seen, key=lambda r: self.sign * r[self.monitor])
            warnings.warn(
                f"BestWeights was not there in the first part of this run, whose best {self.monitor} is {best[self.monitor]:.6g} of epoch "
                f"{best['epoch']}: its weights are gone, and the best of the epochs to come are kept.",
                stacklevel=6,
            )

    def on_epoch_end(self, trainer: Trainer, record: dict) -> None:
        value = self.sign * _monitored(record, self.monitor, "BestWeights")
        fewer = _connections(record) < self._held
        if value > self.best or fewer:
            self.best, self.epoch, self._held = value, record["epoch"], _connections(record)
            self._layers = copy.deepcopy(trainer.network.layers)
            trainer.kept[self.monitor] = {"best": self.best, "epoch": self.epoch, "layers": self._layers}

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._layers is not None:
            trainer.network.layers[:] = copy.deepcopy(self._layers)


class CSVLog(Callback):
    """Append each epoch's numbers to a CSV file as soon as the epoch ends.

    Parameters
    ----------
    path : path
        Overwritten after the first epoch; a resumed run writes the epochs before it again.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = pathlib.Path(path)
        self._names: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        _require_writable(self.path, "CSVLog")
        self._names = None

    def on_epoch_end(self, trainer: Trainer, record: dict) -> None:
        first = self._names is None
        if first:
            self._names = [k for k, v in record.items() if not isinstance(v, (list, dict))]
        with self.path.open("w" if first else "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._names, extrasaction="ignore")
            if first:
                writer.writeheader()
            writer.writerows(trainer.history.records if first else [record])


class JSONLog(Callback):
    """Write the whole history to a JSON file after each epoch, by way of a temporary file: it is whole at any moment.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = pathlib.Path(path)

    def on_fit_begin(self, trainer: Trainer) -> None:
        from ..files import remove_leftovers

        _require_writable(self.path, "JSONLog")
        remove_leftovers(self.path)

    def on_epoch_end(self, trainer: Trainer, record: dict) -> None:
        write_text(self.path, trainer.history.to_json())


class LearningRateSchedule(Callback):
    """Set the learning rate at the start of each epoch, in place of the optimizer's own.

    Parameters
    ----------
    schedule : number or callable (epoch, n_epochs) -> float
    """

    def __init__(self, schedule: Any) -> None:
        self.schedule = as_schedule(as_learning_rate(schedule, "LearningRateSchedule.schedule") if callable(schedule) else schedule)

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        trainer.lr = checks.real("learning rate", self.schedule(epoch, trainer.n_epochs), 0)
