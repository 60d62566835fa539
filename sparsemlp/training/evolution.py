"""The policy's part of a run: when it is asked, what it is shown, and what becomes of its answers."""

import numpy as np

from .. import checks
from ..engine.threads import engine
from ..policies.base import LayerView, Policy, Progress
from ..policies.missing_gradients import DenseGrowth, ReducedGrowth
from ..randomness import stream
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
    gradients : dict of int to list of float[1, n]
        By layer that was asked for: of each of its parameters, the weights first, in the last step.
    accumulated : dict of int to float[data.size]
        By layer: sums over the epoch.
    """

    def __init__(self, network, policy, dense_above, debug, communicator=None):
        self.network, self.policy, self.debug = network, policy, debug
        self.dense_above = checks.fraction("Trainer.dense_above", dense_above)
        self.communicator = communicator
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
        """Where the coming step must leave gradients, by layer: dict of int to list of float[1, n]; None: nowhere."""
        if not self.policy.needs:
            return None
        self.asked = [NOTHING] * len(self.network.layers)
        for k, _ in self.network.weighted:
            self.asked[k] = self.policy.needs_at(k, self.states[k], progress) & self.policy.needs
        stored = {k: self.buffers(k) for k, asked in enumerate(self.asked) if self._is_stored(k, asked)}
        return stored or None

    def _is_stored(self, k, asked):
        """Whether a layer's gradients must be in memory; growth looks at all pairs of units by itself, but in a dense layer."""
        return bool(asked & {"gradient", "accumulated_gradient"} or (asked and self.network.layers[k].uses_blas))

    def buffers(self, k):
        """[float[1, n]] for the gradients of layer k, one a parameter, the weights first."""
        sizes = [p.data.size for p in self.network.layers[k].parameters()]
        found = self.gradients.get(k)
        if found is None or [a.size for a in found] != sizes:
            found = self.gradients[k] = [np.zeros((1, n), self.network.dtype) for n in sizes]
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
            if layer.uses_blas:
                growth = DenseGrowth(self.gradients[k][0][0])
            else:
                growth = layer.missing_gradients(plan.context, plan.activations[k], plan.gradients[k])
                if self.communicator is not None and self.communicator.size > 1:
                    growth = ReducedGrowth(growth, self.communicator)
        return LayerView.of(layer, k, growth_gradient=growth, **self.saved_of(k))

    # ---- occasions ----
    def start(self):
        """A new run: fresh states."""
        self.forget()
        self.started, self.evolved = False, 0
        self.states = [None] * len(self.network.layers)
        for k, _ in self.network.weighted:
            self.states[k] = self.policy.start(self.view(k), self._stream(0, k))

    def before_first_step(self, gradients, record):
        """Let the policy decide about all layers at once.

        Parameters
        ----------
        gradients : callable() -> list of float[data.size]
        record : dict
            Of the first epoch: the changes are added to it.
        """
        layers, self.started = list(self.network.weighted), True
        if type(self.policy).at_start is Policy.at_start:
            return
        gradients = gradients() if self.policy.start_batches else [None] * len(self.network.layers)
        views = [LayerView.of(layer, k, gradient=gradients[k]) for k, layer in layers]
        changes = self.policy.at_start(views, [self._stream(0, k, 0) for k, _ in layers])
        for (k, _), change in zip(layers, changes, strict=True):
            self.apply(k, change, record)
        self._turn_sparse(Progress(0, 1, 0, 1), record)

    def between_epochs(self, progress, record):
        """Ask about each layer, once before each epoch."""
        if progress.epoch + 1 <= self.evolved:
            return
        for k, _ in self.network.weighted:
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
        for k, _ in self.network.weighted:
            changed |= self.change(k, "on_step", progress, (progress.epoch, k, s + 1), record, plan) is not None
        if changed:
            self._turn_sparse(progress, record)

    def change(self, k, occasion, progress, counters, record, plan=None):
        """Ask the policy about layer k and apply what it answers."""
        decide = getattr(self.policy, occasion)
        change, self.states[k] = decide(self.view(k, plan), self.states[k], progress, self._stream(*counters))
        self.apply(k, change, record)
        return change

    def _stream(self, *counters):
        return stream(self.network.seed, "policy", self.n_fits, *counters)

    def apply(self, k, change, record):
        """Change layer k, and the gradients that are kept for the policy with it; count it in the epoch's record.

        Parameters
        ----------
        k : int
        change : Change or None
            None: nothing.
        record : dict
        """
        if change is None:
            return
        weights = self.network.layers[k].weights
        shown = {name: a for name, a in self.saved_of(k).items() if a is not None}
        with engine():
            aligned = dict(zip(shown, apply_change(weights, change, list(shown.values())), strict=True))
        if "gradient" in aligned:
            self.gradients[k] = [aligned["gradient"][None], *self.gradients[k][1:]]
        if "accumulated_gradient" in aligned:
            self.accumulated[k] = aligned["accumulated_gradient"]
        if self.debug:
            weights.check()
        record["dropped"][k] += len(change.drop)
        record["grown"][k] += len(change.grow)

    def _turn_sparse(self, progress, record):
        """Give dense layers that need no mask any more sparse weights, and note it."""
        for k, layer in self.network.weighted:
            weights = layer.weights
            settled = weights.settle(self.dense_above)
            if settled is weights or self.policy.may_return(k, self.states[k], progress):
                continue
            slots = weights.slots
            if k in self.accumulated:
                self.accumulated[k] = self.accumulated[k][slots]
            if k in self.gradients:
                dw, *others = self.gradients[k]
                self.gradients[k] = [np.ascontiguousarray(dw[:, slots]), *others]
            layer.weights = settled
            record["turned_sparse"].append({"layer": k, "step": progress.step, "density": layer.weights.density})

    def nbytes(self):
        """Bytes of the gradients that are stored for the policy."""
        stored = [a for pair in self.gradients.values() for a in pair]
        return sum(a.nbytes for a in (*stored, *self.accumulated.values()))

    # ---- the history's and the checkpoint's share ----
    def new_record(self, epoch, epochs):
        """What an epoch's record says of changes, before any."""
        n = len(self.network.layers)
        return {
            "dropped": [0] * n,
            "grown": [0] * n,
            "turned_sparse": [],
            "zeta": None,
            **(self.policy.numbers(epoch - 1, epochs) if epoch else {}),
        }

    def saved(self):
        """The gradients that the policy will be shown before the next step, by layer; None if there are none."""
        rows = [self.saved_of(k) for k in range(len(self.network.layers))]
        return rows if any(a is not None for row in rows for a in row.values()) else None

    def saved_of(self, k):
        """Layer k's gradients for the policy; None where there are none of this topology: an interrupt may leave others."""
        stored, accumulated = self.gradients.get(k), self.accumulated.get(k)
        weights = self.network.layers[k].weights
        size = 0 if weights is None else weights.data.size
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
