"""How much of its possible connections a run has tried, and how many it has kept since the start."""

from dataclasses import dataclass

import numpy as np

from sparsemlp import Callback, Policy

NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Watched(Policy):
    """A policy between epochs, whose last change is kept in its state of each layer for `Exploration`.

    Parameters
    ----------
    policy : Policy

    Notes
    -----
    Two bytes per position of each layer that can change: this is a measurement, the engine itself never holds arrays of
    n_in * n_out. They are part of the policy's state so that checkpoints have them.
    """

    policy: Policy

    @property
    def zeta(self):
        return getattr(self.policy, "zeta", None)

    def start(self, view, rng):
        state = {"inner": self.policy.start(view, rng)}
        if not view.is_dense and view.n_connections < view.shape[0] * view.shape[1]:
            now = np.zeros(view.shape[0] * view.shape[1], bool)
            now[_flat(view, np.arange(view.n_connections))] = True
            state |= {"alive": now, "seen": now.copy(), "dropped": NONE, "grown": NONE}
        return state

    def between_epochs(self, view, state, progress, rng):
        change, inner = self.policy.between_epochs(view, state["inner"], progress, rng)
        state = state | {"inner": inner}
        if "alive" in state:
            state["dropped"], state["grown"] = (NONE, NONE) if change is None else (_flat(view, change.drop), change.grow)
        return change, state


class Exploration(Callback):
    """Count survivors and positions tried, after each epoch, outside the timed parts; the trainer's policy must be `Watched`.

    Adds to the epoch's record, if a layer can change (sparse ones that are not full):

    - "survived" : connections that have been there without a break since the start, over all connections of those layers. One that
      was removed and drawn again at the same place has not survived.
    - "tried" : positions that have ever been connected, over all positions of those layers.
    """

    def on_epoch_end(self, trainer, record):
        alive = seen = connections = positions = 0
        for layer, state in zip(trainer.network.layers, trainer.policy_states, strict=True):
            if "alive" in state:
                state["alive"][state["dropped"]] = False
                state["seen"][state["grown"]] = True
                alive, seen = alive + int(state["alive"].sum()), seen + int(state["seen"].sum())
                connections, positions = connections + layer.weights.n_connections, positions + state["seen"].size
        if positions:
            record["survived"], record["tried"] = alive / connections, seen / positions


def _flat(view, places):
    """int64: the flat positions i * n_out + j of connections given by their places in `data`."""
    rows = np.searchsorted(view.indptr, places, side="right") - 1
    return rows.astype(np.int64) * view.shape[1] + view.indices[places]
