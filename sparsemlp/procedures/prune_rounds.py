"""`Rounds`: prune, retrain, and again, while the accuracy holds; what static and adaptive pruning rates have in common."""

from __future__ import annotations

import copy
import statistics
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConnectivityWarning
from ..policies.static import Static
from .magnitude import prune_below
from .resumable import Outcome, Stages

if TYPE_CHECKING:
    from ..models.network import Network
    from ..training.trainer import Trainer


ROUNDING = 1e-9  # of sums of fractions: an accuracy exactly at the bound has held


class Pruned(Outcome):
    """What rounds of pruning and retraining hand back.

    Attributes
    ----------
    trainer : Trainer
        Its network is that of the last round whose accuracy held, or the one before the first round.
    network : Network
        `trainer.network`.
    base : dict
        Before the first round: "accuracy" (of the validation data); "connections"; "idle_units" (inputs included) that lie on no path
        from an input to an output; "mean_magnitude" and "deviation" of the connections; "seconds_per_epoch" of training, the
        median (None if the trainer has no history).
    rounds : list of dict
        By round: the same after it, and "rate"; "removed"; "accuracy_pruned" before retraining and "mean_magnitude_pruned";
        "turned_sparse", the layers that did; "held", whether the accuracy did; "trials" of an adaptive rate.
    stopped : str
        Why there was no other round: "accuracy", "nothing to remove" or "max_rounds".
    histories : dict of str to History
        By stage.
    """

    def __init__(self, trainer: Trainer, stages: Stages, base: Any, rounds: list, stopped: str | None) -> None:
        super().__init__(trainer, stages)
        self.base, self.rounds, self.stopped = base, rounds, stopped

    network = property(lambda self: self.trainer.network)

    @property
    def accuracy(self) -> float:
        """Of the network that is kept, on the validation data."""
        return next((r["accuracy"] for r in reversed(self.rounds) if r["held"]), self.base["accuracy"])

    def __repr__(self) -> str:
        held = sum(r["held"] for r in self.rounds)
        return f"Pruned({self.network!r}, accuracy {self.accuracy:.4f}, {held} rounds held, stopped by {self.stopped})"


class Rounds:
    """Prune, retrain, and again. A subclass is a frozen dataclass with the settings that `prune_retrain.check_rounds` names."""

    allowed_drop: float
    retrain_epochs: int
    max_rounds: int
    train_epochs: int
    threshold: Any

    def _choose(self, network: Network, validation_data: tuple, accuracy: float) -> Any:
        """The round's rate, with what the record shall say of the choice."""
        raise TypeError(f"{type(self).__name__} must define _choose(network, validation_data, accuracy).")

    def run(
        self,
        trainer: Trainer,
        X: Any,
        y: Any,
        *,
        validation_data: tuple,
        base_accuracy: float | None = None,
        on_round: Callable | None = None,
        folder: Any = None,
        custom: Sequence[type] = (),
        **options: Any,
    ) -> Pruned:
        """Run rounds until the accuracy falls too far, nothing is left to remove, or `max_rounds` are done.

        Parameters
        ----------
        trainer : Trainer
            With the policy `Static`. Its network is pruned in place (with a folder, that of a loaded stage may be).
        X, y, options
            As `Trainer.fit`, of all stages.
        validation_data : (X, y)
            Every decision is made by it; never give the test set.
        base_accuracy : float, optional
            What `allowed_drop` counts from. Default: the accuracy on the validation data before the first round.
        on_round : callable, optional
            ``on_round(network, record)`` after each round, and with the base's record before the first; it may add to the record.
        folder : path, optional
            Where the stages are kept, so that an interrupted run goes on; see `Stages`. Trial prunings are made again.
        custom : sequence of classes
            As in `sparsemlp.load`.

        Returns
        -------
        Pruned

        Raises
        ------
        ValueError
            The trainer's policy would change the topology too, or its loss has no accuracy.

        Notes
        -----
        Holds one copy of the network, to go back to, and with an adaptive rate another to try on. Optimizer state goes on from round
        to round; a new topology costs no more than O(connections).
        """
        name = type(self).__name__
        if type(trainer.policy) is not Static:
            raise ValueError(f"{name} changes the topology itself: the trainer's policy must be Static(); got {trainer.policy!r}.")
        if not trainer.loss.has_accuracy:
            raise ValueError(
                f"{name} decides by accuracy: the loss must be 'cross_entropy' or 'binary_cross_entropy'; got {trainer.loss.name!r}."
            )
        stages = Stages(self, folder, custom)
        options["validation_data"] = validation_data
        if self.train_epochs:
            trainer = stages.fit("train", trainer, X, y, self.train_epochs, **options)
        base = self._base(trainer, validation_data)
        accuracy = base["accuracy"]
        least = (accuracy if base_accuracy is None else base_accuracy) - self.allowed_drop - ROUNDING
        if on_round:
            on_round(trainer.network, base)
        rounds: list[dict] = []
        stopped = "max_rounds" if accuracy >= least else "accuracy"
        while accuracy >= least and len(rounds) < self.max_rounds:
            kept = copy.deepcopy(trainer.network.layers)
            trainer, record = self._round(f"round-{len(rounds) + 1}", trainer, X, y, accuracy, stages, options)
            if record is None:
                stopped = "nothing to remove"
                break
            accuracy = record["accuracy"]
            record.update(round=len(rounds) + 1, held=bool(accuracy >= least))
            if on_round:
                on_round(trainer.network, record)
            rounds.append(record)
            if not record["held"]:
                trainer.network.layers[:] = kept
                stopped = "accuracy"
        return Pruned(trainer, stages, base, rounds, stopped)

    def _base(self, trainer: Trainer, validation_data: tuple) -> Any:
        seconds = [r["seconds"] for r in trainer.history.records]
        return {
            "accuracy": trainer.network.evaluate(*validation_data)["accuracy"],
            "seconds_per_epoch": statistics.median(seconds) if seconds else None,
            **_numbers(trainer.network),
        }

    def _round(self, stage: str, trainer: Trainer, X: Any, y: Any, accuracy: float, stages: Stages, options: Any) -> Any:
        """(trainer, record), or (trainer, None) if nothing was removed."""
        network, validation_data = trainer.network, options["validation_data"]
        record = self._choose(network, validation_data, accuracy)
        dense_above = trainer.evolution.dense_above
        record.update(prune_below(network, record["rate"], self.threshold, dense_above=dense_above))
        if not record["removed"]:
            return trainer, None
        record["accuracy_pruned"] = network.evaluate(*validation_data)["accuracy"]
        record["mean_magnitude_pruned"] = _numbers(network)["mean_magnitude"]
        trainer = fit_pruned(stages, stage, trainer, X, y, self.retrain_epochs, **options)
        record["accuracy"] = trainer.network.evaluate(*validation_data)["accuracy"]
        record["seconds_per_epoch"] = statistics.median(trainer.history["seconds"])
        return trainer, {**record, **_numbers(trainer.network)}


def fit_pruned(stages: Stages, *args: Any, **options: Any) -> Any:
    """`stages.fit` without the warning of units that lie on no path: of a pruned net they are a result, which the record counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConnectivityWarning)
        return stages.fit(*args, **options)


def _numbers(network: Network) -> Any:
    found = network.check_connectivity()
    idle = sum(np.union1d(a, b).size for a, b in zip(found.unreached, found.dead_ends, strict=True))
    values = np.concatenate([layer.weights.values for _, layer in network.weighted]).astype(np.float64)
    return {
        "connections": network.n_connections,
        "idle_units": int(idle),
        "mean_magnitude": float(np.abs(values).mean()) if values.size else 0.0,
        "deviation": float(values.std()) if values.size else 0.0,
    }
