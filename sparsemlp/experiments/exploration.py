"""How much of its possible connections a run has tried, and how many it has kept since the start."""

import numpy as np

from ..callbacks import Callback
from ..policies.base import Policy


class Exploration(Callback):
    """Count survivors and positions tried, after each epoch, outside the timed parts.

    Layers that can change are counted: sparse ones that are not full. Use it as a callback and give the trainer
    ``policy=exploration.watch(policy)``.

    Attributes
    ----------
    survived : list of float
        By epoch: connections that have been there without a break since the start, over all connections. One that was removed and
        drawn again at the same place has not survived.
    tried : list of float
        By epoch: positions that have ever been connected, over all positions.

    Notes
    -----
    Two bytes per position of each layer: this is a measurement, the engine itself never holds arrays of n_in * n_out.
    """

    def __init__(self):
        self.survived, self.tried, self._layers, self._pending = [], [], None, {}

    def watch(self, policy):
        """The same policy; what it decides is noted here."""
        return _Watched(policy, self._pending)

    def on_fit_begin(self, trainer):
        self._layers = {}
        for k, layer in enumerate(trainer.network.layers):
            weights = layer.weights
            if not weights.is_dense and weights.n_connections < weights.shape[0] * weights.shape[1]:
                positions = _flat(weights)
                alive, seen = (np.zeros(weights.shape[0] * weights.shape[1], bool) for _ in range(2))
                alive[positions] = seen[positions] = True
                self._layers[k] = (alive, seen, positions)

    def on_epoch_end(self, trainer, record):
        if not self._layers:
            return
        for k, change in self._pending.items():
            alive, seen, positions = self._layers[k]
            alive[positions[change.drop]] = False
            seen[change.grow] = True
            self._layers[k] = alive, seen, _flat(trainer.network.layers[k].weights)
        self._pending.clear()
        layers = self._layers.values()
        self.survived.append(sum(int(alive.sum()) for alive, _, _ in layers) / sum(positions.size for _, _, positions in layers))
        self.tried.append(sum(int(seen.sum()) for _, seen, _ in layers) / sum(seen.size for _, seen, _ in layers))


class _Watched(Policy):
    """A policy between epochs whose changes are noted by layer."""

    def __init__(self, policy, pending):
        self.policy, self.pending = policy, pending

    @property
    def zeta(self):
        return getattr(self.policy, "zeta", None)

    def start(self, view, rng):
        return self.policy.start(view, rng)

    def between_epochs(self, view, state, progress, rng):
        change, state = self.policy.between_epochs(view, state, progress, rng)
        if change is not None:
            self.pending[view.index] = change
        return change, state


def _flat(weights):
    """int64[connections]: the flat position i * n_out + j of each connection, in the order of `data`."""
    n_in, n_out = weights.shape
    return np.repeat(np.arange(n_in, dtype=np.int64) * n_out, np.diff(weights.indptr)) + weights.indices
