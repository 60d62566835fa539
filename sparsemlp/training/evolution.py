"""The policy's part of a run: when it is asked, what it is shown, and what becomes of its answers."""

import numpy as np

from .. import checks
from ..engine.threads import engine
from ..policies.base import LayerView, Policy, Progress
from ..policies.missing_gradients import DenseGrowth, TiledGrowth
from ..randomness import stream
from ..schedules import as_schedule
from ..weights.change import apply_change

NOTHING = frozenset()


class Evolution:
    """A policy at work on a network.

    Parameters
    ----------
    network : Network
    policy : Policy
    dense_above : float in [0, 1]
        A dense layer whose removed connections stay removed becomes sparse when its density is below this.
    debug : bool
        Check a layer's invariants after each change of it.

    Attributes
    ----------
    n_fits : int
        Of the trainer: part of the key of every draw.
    states : list or None
        The policy's, by layer; None before the first run.
    started : bool
        Whether the policy has decided about the start of this run.
    evolved : int
        The epoch before which it was last asked about the layers: an epoch that was interrupted is not evolved again.
    asked : list of frozenset
        What the last step computed for the policy, by layer.
    gradients : dict of int to (float[1, data.size], float[1, n_out])
        By layer that was asked for: of its weights and its biases, in the last step.
    accumulated : dict of int to float[data.size]
        By layer: sums over the epoch.
    """

    def __init__(self, network, policy, dense_above, debug):
        self.network, self.policy, self.debug = network, policy, debug
        self.dense_above = checks.fraction("Trainer.dense_above", dense_above)
        self.states, self.n_fits, self.started, self.evolved = None, 0, False, 0
        self.forget()

    def forget(self):
        """Drop the gradients of a run that has ended."""
        self.asked, self.gradients, self.accumulated = [NOTHING] * len(self.network.layers), {}, {}

    @property
    def acts_on_steps(self):
        return type(self.policy).on_step is not Policy.on_step

    # ---- gradients ----
    def ask(self, progress):
        """What the coming step must compute, by layer; None: nothing."""
        if not self.policy.needs:
            return None
        pairs = enumerate(self.states)
        self.asked = [self.policy.needs_at(k, state, progress) & self.policy.needs for k, state in pairs]
        return self.asked if any(self.asked) else None

    def buffers(self, k):
        """(float[1, data.size], float[1, n_out]) for the gradients of layer k."""
        layer = self.network.layers[k]
        shape = (1, layer.weights.data.size)
        found = self.gradients.get(k)
        if found is None or found[0].shape != shape:
            found = self.gradients[k] = np.zeros(shape, self.network.dtype), np.zeros((1, layer.n_out), self.network.dtype)
        return found

    def collect(self):
        """After a step's backward pass: add up what is accumulated."""
        for k, asked in enumerate(self.asked):
            if "accumulated_gradient" in asked:
                gradient = self.gradients[k][0][0]
                if k not in self.accumulated:
                    self.accumulated[k] = np.zeros_like(gradient)
                self.accumulated[k] += gradient

    def view(self, k, plan=None):
        """Layer k as the policy may see it now; right after a step, by the `plan` that made it, with growth gradients."""
        layer, growth = self.network.layers[k], None
        if plan is not None and "growth_gradient" in self.asked[k]:
            if layer.weights.is_dense:
                growth = DenseGrowth(self.gradients[k][0][0])
            else:
                growth = TiledGrowth(plan.context.w, plan.context.n_threads, plan.activations[k], plan.gradients[k])
        return LayerView.of(layer, k, growth_gradient=growth, **self.saved_of(k))

    # ---- occasions ----
    def start(self):
        """A new run: fresh states."""
        self.forget()
        self.started, self.evolved = False, 0
        self.states = [self.policy.start(self.view(k), self._stream(0, k)) for k in range(len(self.network.layers))]

    def before_first_step(self, gradients, record):
        """Let the policy decide about all layers at once.

        Parameters
        ----------
        gradients : callable() -> list of float[data.size]
        record : dict
            Of the first epoch: the changes are added to it.
        """
        layers, self.started = self.network.layers, True
        if type(self.policy).at_start is Policy.at_start:
            return
        gradients = gradients() if self.policy.start_batches else [None] * len(layers)
        views = [LayerView.of(layer, k, gradient=g) for k, (layer, g) in enumerate(zip(layers, gradients, strict=True))]
        changes = self.policy.at_start(views, [self._stream(0, k, 0) for k in range(len(layers))])
        for k, change in enumerate(changes):
            self._apply(k, change, record)
        self._turn_sparse(Progress(0, 1, 0, 1), record)

    def between_epochs(self, progress, record):
        """Ask about each layer, once before each epoch."""
        if progress.epoch + 1 <= self.evolved:
            return
        for k in range(len(self.network.layers)):
            self.change(k, "between_epochs", progress, (progress.epoch + 1, k), record)
        self._turn_sparse(progress, record)
        self.evolved = progress.epoch + 1

    def new_epoch(self):
        """What was summed up over an epoch is gone, whether it ended or was interrupted."""
        self.asked = [NOTHING] * len(self.network.layers)
        self.accumulated.clear()

    def after_step(self, plan, progress, s, record):
        """Ask about each layer after step `s` of the epoch, which `plan` made."""
        changed = False
        for k in range(len(self.network.layers)):
            changed |= self.change(k, "on_step", progress, (progress.epoch, k, s + 1), record, plan) is not None
        if changed:
            self._turn_sparse(progress, record)

    def change(self, k, occasion, progress, counters, record, plan=None):
        """Ask the policy about layer k and apply what it answers."""
        decide = getattr(self.policy, occasion)
        change, self.states[k] = decide(self.view(k, plan), self.states[k], progress, self._stream(*counters))
        self._apply(k, change, record)
        return change

    def _stream(self, *counters):
        return stream(self.network.seed, "policy", self.n_fits, *counters)

    def _apply(self, k, change, record):
        if change is None:
            return
        weights = self.network.layers[k].weights
        aligned = {} if weights.is_dense or not (change.drop.size or change.grow.size) else self._carried_over(k, change)
        with engine():
            apply_change(weights, change)
        if "gradient" in aligned:
            self.gradients[k] = aligned["gradient"][None], self.gradients[k][1]
        if "accumulated_gradient" in aligned:
            self.accumulated[k] = aligned["accumulated_gradient"]
        if self.debug:
            weights.check()
        record["dropped"][k] += len(change.drop)
        record["grown"][k] += len(change.grow)

    def _carried_over(self, k, change):
        """The gradients of a sparse layer as they must be after a change: survivors keep theirs, new connections have 0."""
        shown = self.saved_of(k)
        return {name: realign(self.network.layers[k].weights, change, a) for name, a in shown.items() if a is not None}

    def _turn_sparse(self, progress, record):
        """Give dense layers that need no mask any more sparse weights, and note it."""
        for k, layer in enumerate(self.network.layers):
            weights = layer.weights
            if not weights.is_dense or weights.removed is None or weights.density >= self.dense_above:
                continue
            if self.policy.may_return(k, self.states[k], progress):
                continue
            if k in self.accumulated:
                self.accumulated[k] = self.accumulated[k][~weights.removed]
            if k in self.gradients:
                dw, db = self.gradients[k]
                self.gradients[k] = np.ascontiguousarray(dw[:, ~weights.removed]), db
            layer.weights = weights.to_sparse()
            record["turned_sparse"].append({"layer": k, "step": progress.step, "density": layer.weights.density})

    def nbytes(self):
        """Bytes of the gradients that are stored for the policy."""
        stored = [a for pair in self.gradients.values() for a in pair]
        return sum(a.nbytes for a in (*stored, *self.accumulated.values()))

    # ---- the history's and the checkpoint's share ----
    def new_record(self, epoch, epochs):
        """What an epoch's record says of changes, before any."""
        zeta, n = getattr(self.policy, "zeta", None), len(self.network.layers)
        return {
            "dropped": [0] * n,
            "grown": [0] * n,
            "turned_sparse": [],
            "zeta": None if zeta is None or epoch == 0 else float(as_schedule(zeta)(epoch - 1, epochs)),
        }

    def saved(self):
        """The gradients that the policy will be shown before the next step, by layer; None if there are none."""
        rows = [self.saved_of(k) for k in range(len(self.network.layers))]
        return rows if any(a is not None for row in rows for a in row.values()) else None

    def saved_of(self, k):
        """Layer k's gradients for the policy; None where there are none of this topology: an interrupt may leave others."""
        stored, accumulated = self.gradients.get(k), self.accumulated.get(k)
        size = self.network.layers[k].weights.data.size
        gradient = stored[0][0] if stored is not None and "gradient" in self.asked[k] else None
        found = {"gradient": gradient, "accumulated_gradient": accumulated}
        return {name: a if a is not None and a.size == size else None for name, a in found.items()}

    def restore(self, states, rows, evolved):
        """Go on from saved states, and from what `saved` gave; arrays are of the right length and dtype."""
        self.forget()
        self.states, self.started, self.evolved = states, states is not None, evolved
        for k, row in enumerate(rows or ()):
            if row["gradient"] is not None:
                self.buffers(k)[0][0] = row["gradient"]
                self.asked[k] = frozenset({"gradient"})
            if row["accumulated_gradient"] is not None:
                self.accumulated[k] = row["accumulated_gradient"]


def realign(weights, change, old):
    """An array aligned with a sparse layer's data before a change, aligned with it after: survivors keep their entry, new ones get 0."""
    n_out = weights.shape[1]
    rows = np.repeat(np.arange(weights.shape[0], dtype=np.int64) * n_out, np.diff(weights.indptr))
    kept = np.delete(rows + weights.indices, change.drop)
    places = np.union1d(kept, change.grow)
    new = np.zeros(places.size, old.dtype)
    new[np.searchsorted(places, kept)] = np.delete(old, change.drop)
    return new
