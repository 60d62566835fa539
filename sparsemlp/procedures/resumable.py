"""`Stages`: the fits of a procedure, one after the other, each kept in a file so that an interrupted procedure goes on."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..checkpoint import Checkpoint, load
from ..files import write_text

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Stages:
    """Runs the stages of a procedure; with a folder, what has ended is loaded and what was cut off is resumed.

    Parameters
    ----------
    procedure : frozen dataclass
        Its settings are written into the folder, so that another procedure's files are not taken for its own.
    folder : path, optional
        Made if missing. Default: nothing is kept, nothing can be resumed.
    custom : sequence of classes
        As in `sparsemlp.load`.

    Attributes
    ----------
    histories : dict of str to History
        By stage, in order.

    Raises
    ------
    ValueError
        The folder holds the stages of a procedure with other settings.

    Notes
    -----
    A stage is saved after every epoch, so that a whole epoch is the most that an interruption costs, and a resumed procedure has
    the same bits as an uninterrupted one. About 12 bytes a connection with one row of optimizer state for each stage.
    """

    def __init__(self, procedure: Any, folder: Any = None, custom: Sequence[type] = ()) -> None:
        self.folder = None if folder is None else pathlib.Path(folder)
        self.custom = custom
        self.histories: dict[str, Any] = {}
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path, settings = self.folder / "procedure.txt", f"{procedure!r}\n"
        if path.exists() and path.read_text(encoding="utf-8") != settings:
            held = path.read_text(encoding="utf-8").strip()
            raise ValueError(f"folder must be empty or of the same procedure; {self.folder} holds {held}, this is {procedure!r}.")
        write_text(path, settings)

    def fit(self, name: str, trainer: Trainer, X: Any, y: Any, epochs: int, **options: Any) -> Trainer:
        """Fit the trainer, or what is saved of this stage.

        Parameters
        ----------
        name : str
            Of the stage, and of its file.
        trainer : Trainer
            As it enters the stage. If the stage has a file, its callbacks alone are used.
        X, y, epochs, options
            As `Trainer.fit`.

        Returns
        -------
        Trainer
            After the stage's last epoch: `trainer` itself, or the one that was loaded.
        """
        if self.folder is None:
            self.histories[name] = trainer.fit(X, y, epochs, **options)
            return trainer
        path, resume = self.folder / f"{name}.sm", False
        if path.exists():
            callbacks, trainer = trainer.callbacks, load(path, custom=self.custom)
            trainer.callbacks, resume = callbacks, True
        ended = resume and (trainer.epoch >= epochs or trainer.history.stopped not in (None, "interrupted"))
        if not ended:
            kept = trainer.callbacks
            trainer.callbacks = [*kept, Checkpoint(path)]
            try:
                trainer.fit(X, y, epochs, resume=resume, **options)
            finally:
                trainer.callbacks = kept
        self.histories[name] = trainer.history
        return trainer


class Outcome:
    """What a procedure hands back.

    Attributes
    ----------
    trainer : Trainer
        After the last stage; `trainer.network` is the net.
    histories : dict of str to History
        By stage, in order.
    """

    def __init__(self, trainer: Trainer, stages: Stages) -> None:
        self.trainer, self.histories = trainer, dict(stages.histories)

    def __repr__(self) -> str:
        return f"Outcome({self.trainer.network!r}, stages {', '.join(self.histories)})"
