"""`Checkpoint`: saves the trainer between epochs, so that an interrupted run can go on."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import string
from typing import TYPE_CHECKING, Any

from .. import checks
from ..files import remove_leftovers
from ..training.callbacks import Callback, _require_writable
from .container import is_checkpoint
from .model import save
from .saving import require_savable

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Checkpoint(Callback):
    """Save the trainer after every `every`-th epoch and after the last one.

    Parameters
    ----------
    path : path
        One file that each save replaces; or, with "{epoch}" in the name of the file, one file an epoch: "run-{epoch:04d}.sm".
        Epochs count from 1 here: the number of epochs that have ended.
    every : int
        Epochs, at least 1.
    keep : int, optional
        How many files of a "{epoch}" path are kept, the newest; older checkpoints that match the path are deleted. Default: all.

    Raises
    ------
    ValueError
        At construction: `keep` without "{epoch}", or a path with other fields.
    CheckpointError, OSError
        During the run, as `sparsemlp.save`: the run ends, the earlier checkpoint is whole.

    Notes
    -----
    What a callback later in the list does after the same epoch is not in the file. An epoch that was interrupted is not saved: the
    run goes on from the end of the last whole epoch, with the bits that it would have had. A killed process may leave a temporary
    file, `.<name>.<hex>.part`; those older than an hour are deleted when a run begins.

    Examples
    --------
    >>> import tempfile, numpy as np, sparsemlp as sm
    >>> X, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trainer = sm.Trainer(sm.MLP([4, 3, 2], density=0.5), callbacks=[sm.Checkpoint(folder + "/run.sm")])
    ...     _ = trainer.fit(X, y, epochs=2)
    ...     len(sm.load(folder + "/run.sm").fit(X, y, epochs=3, resume=True))
    3
    """

    def __init__(self, path: str | os.PathLike, every: int = 1, keep: int | None = None) -> None:
        self.path = pathlib.Path(path)
        self.every = checks.integer("Checkpoint.every", every, 1)
        self.keep = keep if keep is None else checks.integer("Checkpoint.keep", keep, 1)
        try:
            parts = list(string.Formatter().parse(self.path.name))
            self.path.name.format(epoch=1)
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"Checkpoint.path must have no other field than {{epoch}}; got {self.path.name!r} ({error}).") from error
        n_fields = sum(field is not None for _, field, _, _ in parts)
        if n_fields > 1 or (keep is not None and not n_fields):
            raise ValueError(f"Checkpoint.path must have one field {{epoch}} if keep is given, else at most one; got {self.path.name!r}.")
        pattern = "".join(re.escape(text) + ("" if field is None else r" *(\d+)") for text, field, _, _ in parts)
        self._pattern: Any = re.compile(pattern) if n_fields else None
        self._saved: int | None = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._saved = None
        _require_writable(self.path, "Checkpoint")
        require_savable(trainer)  # what cannot be saved is said before the first step
        if self._pattern is None:
            remove_leftovers(self.path)

    def on_epoch_end(self, trainer: Trainer, record: dict) -> None:
        if trainer.epoch % self.every == 0 or trainer.epoch == trainer.n_epochs:
            self._save(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        stopped = trainer.stop_training and trainer.history.stopped == str(trainer.stop_training)
        if stopped and self._saved != trainer.epoch:  # early, between two saves
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        if self._pattern is None:
            save(self.path, trainer)
        else:
            save(self.path.with_name(self.path.name.format(epoch=trainer.epoch)), trainer)
            self._thin_out(trainer.epoch)
        self._saved = trainer.epoch

    def _thin_out(self, epoch: int) -> None:
        """Delete all but the newest `keep` of this run's checkpoints; later epochs belong to another run."""
        if self.keep is None:
            return
        found = []
        for entry in os.scandir(self.path.parent):
            match = self._pattern.fullmatch(entry.name)
            if match and int(match[1]) <= epoch:
                found.append((int(match[1]), entry.path))
        for _, path in sorted(found)[: -self.keep]:
            with contextlib.suppress(OSError):
                if is_checkpoint(path):
                    os.unlink(path)
