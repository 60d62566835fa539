"""What happened in each epoch of a training run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any


class History:
    """One record (a dict) per epoch.

    Attributes
    ----------
    records : list of dict
        "epoch" : int from 0; "loss", "accuracy" : over the epoch's steps, while training (with dropout; accuracy without sample weights);
        "val_loss", "val_accuracy" : after it, if there is validation data; "lr" : at its start;
        "seconds", "evolution_seconds", "evaluation_seconds" : float, of the steps, of the topology change before them, of the evaluation;
        "steps", "samples" : int; "connections", "density" : lists, by layer; "dropped", "grown" : lists, by layer, in the change
        before the epoch and in those after its steps; "zeta" : float or None, of the change before it; "storage" : list of "dense" or
        "sparse", by layer; "turned_sparse" : list of dicts with "layer", "step", "density": which dense layers became sparse;
        "bytes" : int, of weights, indices, optimizer state and biases.
    stopped : str or None
        Why the run ended before its last epoch.

    Examples
    --------
    >>> h = History(); h.append({"epoch": 0, "loss": 2.0}); h.append({"epoch": 1, "loss": 1.0})
    >>> h["loss"], h.last["loss"], len(h)
    ([2.0, 1.0], 1.0, 2)
    """

    def __init__(self, records: Iterable[dict] = (), stopped: str | None = None) -> None:
        self.records = list(records)
        self.stopped = stopped

    def append(self, record: dict) -> None:
        self.records.append(record)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, name: str) -> list:
        """The values of one entry, epoch by epoch."""
        if self.records and all(name not in r for r in self.records):
            raise KeyError(f"The history has no {name!r}; it has {', '.join(sorted(self.records[0]))}.")
        return [r.get(name) for r in self.records]

    @property
    def last(self) -> dict:
        """The record of the last epoch."""
        if not self.records:
            raise IndexError("No epoch has ended yet.")
        return self.records[-1]

    def best(self, name: str, *, largest: bool = True) -> Any:
        """The record in which `name` is best; the first of equals."""
        usable = [r for r in self.records if r.get(name) is not None and math.isfinite(r[name])]
        if not usable:
            raise KeyError(f"No epoch has a finite {name!r}.")
        return (max if largest else min)(usable, key=lambda r: r[name])

    def to_json(self) -> str:
        """The records as JSON text."""
        return json.dumps({"stopped": self.stopped, "epochs": self.records}, indent=1)

    def __repr__(self) -> str:
        if not self.records:
            return "History(no epochs)"
        last = ", ".join(f"{k} {v:.4g}" for k, v in self.last.items() if k in ("loss", "accuracy", "val_loss", "val_accuracy"))
        return f"History({len(self)} epochs: {last})"
