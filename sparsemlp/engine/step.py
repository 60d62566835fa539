"""One step: forward, loss, backward with the optimizer's update; or the gradients, and the update apart."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import NonFiniteError
from ..kernels.codes import Ints, Rule
from ..layers.base import Call
from ..losses import get_loss
from ..optimizers import check_optimizer
from ..randomness import key, step_key
from .batches import Batch
from .gradients import Gradients
from .memory_limit import WORTH_ASKING, require
from .plan import Plan
from .rates import Rates
from .threads import blas_to_one_thread, engine, in_pieces, stepping

if TYPE_CHECKING:
    from ..losses import Loss
    from ..models.network import Network
    from ..optimizers import Optimizer
    from .batches import Rows, StepTargets, Targets


class Step:
    """Takes steps: owns the plans, the hyperparameters as kernels take them, and the optimizer's state of a network.

    Parameters
    ----------
    network : Network
    loss : Loss or str
    optimizer : Optimizer
    lr_scale : {"density", None}
        By what the learning rate of connections is multiplied; see `Rates`.
    keep_activations : bool
        Whether backward leaves the outputs of all layers as they are, for policies that look at them after a step.

    Attributes
    ----------
    number : int
        Steps taken so far; optimizer corrections and dropout count from it.
    where : str
        Put before the step's number in error messages, such as "epoch 3, ".
    rates : Rates
    last_plan : Plan or None
        The plan of the last batch, which holds its activations and gradients, for policies that look at them.

    Notes
    -----
    `train` is the fused path: the weights' gradient never exists as a whole. `gradients` and `update` are the same step in two halves,
    for clipping, accumulation, hooks, several processes and optimizers written in NumPy; they cost up to a tenth more time and 4 bytes a
    connection. Each method holds the engine while it works.
    """

    _plans: dict[int, Plan]
    _capacity: int | None
    _gradients: Any
    _spare: Any
    last_plan: Any

    def __init__(
        self, network: Network, loss: str | Loss, optimizer: Optimizer, *, lr_scale: str | None = "density", keep_activations: bool = False
    ) -> None:
        self.network, self.loss = network, get_loss(loss, network.output)
        self.rates = Rates(network, lr_scale)
        self.keep_activations, self.number, self.where = keep_activations, 0, ""
        self._dropout_key = key(network.seed, "dropout")
        self.forget()
        self.optimizer = optimizer

    @property
    def optimizer(self) -> Optimizer:
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self._optimizer = check_optimizer(optimizer)
        self.forget()

    def forget(self) -> None:
        """Give back all buffers; they are made again when they are needed."""
        self._plans, self._capacity, self._gradients, self._spare, self.last_plan = {}, None, None, None, None

    def __getstate__(self) -> dict:
        """Return everything but the buffers, for pickle and copy."""
        return {**self.__dict__, "_plans": {}, "_capacity": None, "_gradients": None, "_spare": None, "last_plan": None}

    # ---- plans ----
    def plan(self, n: int, capacity: int | None = None) -> Plan:
        """Return the `Plan` of a batch of n samples, with buffers for `capacity`; built when there is none for today's arrays."""
        capacity = capacity or n
        if capacity != self._capacity:
            self._plans, self._capacity = {}, capacity
        plan = self._plans.get(n)
        if plan is not None and plan.fits(self.network):
            return plan
        self._allocate_states()
        full = self._plans.get(capacity)
        if full is None or not full.fits(self.network):
            self._plans.clear()
            self.rates.refresh(self.network)
            full = self._plans[capacity] = self._new_plan(capacity, capacity, None)
        if n != capacity:
            self._plans[n] = self._new_plan(n, capacity, full)
        return self._plans[n]

    def plans(self) -> list:
        """Return the plans that exist now, with the bytes of their buffers: [(plan, bytes by purpose)]."""
        return [(plan, plan.nbytes([call for calls in plan.backward for call in calls])) for plan in self._plans.values()]

    def stored_bytes(self) -> int:
        """Return bytes of the gradients of the path in two halves; 0 if it was not taken."""
        return sum(g.flat.nbytes for g in (self._gradients, self._spare) if g is not None)

    def _new_plan(self, n: int, capacity: int, share: Plan | None) -> Plan:
        net = self.network
        activation = self.loss.output_activation(net.output)
        plan = Plan(net, n, capacity, output_activation=activation, training=True, share=share, keep_activations=self.keep_activations)
        rule = self.optimizer.rule if self.optimizer.fused else Rule.GRADIENT
        plan.backward = plan.backward_calls(net, rule, self.rates.hypers) if self.optimizer.fused else []
        plan.split, plan.stored = {}, None
        return plan

    def _allocate_states(self) -> None:
        """Allocate optimizer state for every layer, or raise MemoryError before any of it is allocated.

        A first step starts from zeros, and so does one whose network another rule has trained since: its numbers would mean
        something else.
        """
        net, optimizer = self.network, self.optimizer
        net.require_sound()
        parameters = [p for layer in net.layers for p in layer.parameters()]
        n_bytes = sum(p.data.size for p in parameters if p.state.shape[0] != optimizer.n_state) * optimizer.n_state * net.dtype.itemsize
        if n_bytes >= WORTH_ASKING:
            require(n_bytes, f"The state of {type(optimizer).__name__}", "SGD without momentum keeps none; a lower density needs less.")
        fresh = self.number == 0 or net.trained_by not in (None, optimizer.identity)
        for layer in net.layers:
            layer.allocate_state(optimizer.n_state)
        if fresh:
            for p in parameters:
                p.state[:] = 0
        net.trained_by = optimizer.identity

    def batch(
        self,
        source: Rows,
        rows: np.ndarray | None,
        targets: Targets | StepTargets,
        weights: np.ndarray | None = None,
        *,
        first: int = 0,
        total: float | None = None,
        capacity: int | None = None,
    ) -> Batch:
        """Return a `Batch`: some samples, with the plan that works on them.

        Parameters
        ----------
        source : Rows
        rows : int64[n] or None
            Which samples of the source; None: all of them.
        targets : Targets or StepTargets
        weights : float64[n_samples], optional
            The weights of all samples of the source.
        first : int
            The place of the first of these samples in the global batch: dropout draws by it.
        total : float, optional
            What the loss is divided by: the number of samples, or the sum of their weights. Default: this batch's.
        capacity : int, optional
            How many samples the largest batch to come has. Default: as many as this one.
        """
        with engine():
            self.last_plan = plan = self.plan(len(source) if rows is None else rows.size, capacity)
            rows = plan.rows if rows is None else rows
            if weights is None:
                plan.uniform_scale(total)
            else:
                np.take(weights, rows, out=plan.weights64, mode="clip")
                total = plan.weights64.sum() if total is None else total
                np.multiply(plan.weights64, 1 / total if total > 0 else 0.0, out=plan.scale, casting="same_kind")
            return Batch(plan, source, rows, targets.of(plan, rows), first)

    # ---- the whole step ----
    def forward(self, batch: Batch) -> float:
        """Fill the plan's activations and output gradient; returns the loss.

        Raises
        ------
        NonFiniteError
            If the loss is NaN or infinite; the weights are as they were.
        """
        plan = batch.plan
        with engine(), blas_to_one_thread(plan.blas_alone):
            batch.source.fill(plan, batch.rows)
            for layer, ints in plan.dropouts:
                ints[Ints.KEY], ints[Ints.FIRST] = step_key(self._dropout_key, self.number, layer), batch.first
            for call in plan.forward:
                call.function(*call.args)
            self.loss.run(plan, batch.targets, batch.rows, self.network.output)
        loss = float(plan.stats[0])
        if not math.isfinite(loss):
            raise NonFiniteError(self._not_finite(plan, loss))
        return loss

    def train(self, batch: Batch, lr: float, store: dict[int, list] | None = None) -> float:
        """Take a step; returns the loss before it.

        Parameters
        ----------
        batch : Batch
        lr : float
        store : dict of int to list of float[1, n], optional
            By layer, where the gradients of its parameters are to be kept: these layers are updated apart.
        """
        with engine(), stepping(), blas_to_one_thread(batch.plan.blas_alone):
            loss = self.forward(batch)
            self.number += 1
            self.rates.set(self.optimizer, lr, self.number)
            if not store:
                for calls in batch.plan.backward:
                    for call in calls:
                        call.function(*call.args)
                return loss
            last = len(batch.plan.backward) - 1
            try:
                for q, calls in enumerate(batch.plan.backward):
                    k = last - q
                    for call in self._apart(batch.plan, k, store[k]) if k in store else calls:
                        call.function(*call.args)
            except BaseException:  # an interrupt between an update and the mask that belongs to it
                for layer in self.network.layers:
                    for p in layer.parameters():
                        p.clear_removed()
                raise
        return loss

    def _apart(self, plan: Plan, k: int, states: list) -> list[Call]:
        """Return layer k's backward pass that stores the gradients, and then the update from them."""
        held, calls = plan.split.get(k, (None, ()))
        if held is states:
            return calls
        hypers = self.rates.hypers[k]
        calls = plan.backward_call(self.network, k, Rule.GRADIENT, hypers, states)
        calls = calls + self._update_calls(plan, k, [state[0] for state in states], hypers)
        plan.split[k] = states, calls
        return calls

    def _update_calls(self, plan: Plan, k: int, gradients: list, hypers: list) -> list[Call]:
        """Return the calls that update layer k's parameters by the optimizer's rule."""
        from ..kernels import update

        w, nt, rule, layer = plan.context.w, plan.context.n_threads, self.optimizer.rule, self.network.layers[k]
        calls = []
        for p, g, h in zip(layer.parameters(), gradients, hypers, strict=True):
            args = p.data, g, p.state, rule, h
            if p is not layer.weights:
                calls.append(Call(update.update_part, w, 0, p.data.size, *args))
            elif layer.uses_blas:
                calls += [Call(in_pieces, partial(update.update_part, w), p.data.size, *args), Call(p.clear_removed)]
            else:
                calls.append(Call(update.update_all.of(nt), w, nt, *args))
        return calls

    # ---- the step in two halves ----
    def gradients(self, batch: Batch, *, add: bool = False) -> Gradients:
        """Do the forward and the backward pass of a batch, without an update.

        Parameters
        ----------
        batch : Batch
        add : bool
            Add to the gradients of the batches before, whose shares of the loss then belong to one mean.

        Returns
        -------
        Gradients
            The same object, and the same memory, in every call until a topology changes.
        """
        with engine():
            loss = self.forward(batch)
            found = self._gradients
            if found is None or not found.fits(self.network):
                found, self._spare = Gradients(self.network), None
                self._gradients = found
            target = found
            if add:
                if self._spare is None:
                    self._spare = Gradients(self.network)
                target = self._spare
            plan = batch.plan
            if plan.stored is None or plan.stored[0] is not target:
                plan.stored = target, plan.backward_calls(self.network, Rule.GRADIENT, self.rates.hypers, target.states)
            with blas_to_one_thread(plan.blas_alone):
                for calls in plan.stored[1]:
                    for call in calls:
                        call.function(*call.args)
            target.flat[-2], target.flat[-1] = loss, plan.stats[1]
            if add:
                found.flat += target.flat
            return found

    def no_gradients(self) -> Gradients:
        """Return the `Gradients` of no sample, all 0, for a rank that a small batch leaves without one."""
        if self._gradients is None or not self._gradients.fits(self.network):
            self._gradients, self._spare = Gradients(self.network), None
        self.plan(1, self._capacity)
        self._gradients.flat[:] = 0
        return self._gradients

    def update(self, gradients: Gradients, lr: float) -> None:
        """Take a step from gradients, by the optimizer's rule or its own `update`.

        Parameters
        ----------
        gradients : Gradients
            May be overwritten.
        lr : float
        """
        with engine(), stepping():
            self.number += 1
            if not self.optimizer.fused:
                return self._own_update(gradients, lr)
            self.rates.set(self.optimizer, lr, self.number)
            plan = next(iter(self._plans.values()))
            for k, row in enumerate(gradients.layers):
                for call in self._update_calls(plan, k, row, self.rates.hypers[k]):
                    call.function(*call.args)
        return None

    def _own_update(self, gradients: Gradients, lr: float) -> None:
        for k, (layer, row) in enumerate(zip(self.network.layers, gradients.layers, strict=True)):
            for q, (p, g) in enumerate(zip(layer.parameters(), row, strict=True)):
                try:
                    self.optimizer.update(p.data, g, p.state, self.rates.info(k, q, lr, self.number))
                finally:
                    p.clear_removed()

    # ---- numbers that are not finite ----
    def _not_finite(self, plan: Plan, loss: float) -> str:
        where = "the loss itself"
        for k, layer in enumerate(self.network.layers):
            if not all(np.isfinite(p.data).all() for p in layer.parameters()):
                where = f"the weights of layer {k}"
                break
            if not np.isfinite(plan.activations[k + 1]).all():
                where = f"the outputs of layer {k}"
                break
        return (
            f"The loss became {loss} in {self.where}step {self.number}; the first non-finite numbers are in {where}. "
            "The weights are those before this step. A lower learning rate or inputs of unit scale usually mend it."
        )

    def check_finite(self, where: str) -> None:
        """Raise NonFiniteError if a parameter, its optimizer state or a buffer is NaN or infinite.

        The loss of a step tells of the steps before it: this tells of an epoch's last one, and of what a ReLU hides.
        """
        for k, layer in enumerate(self.network.layers):
            arrays = [a for p in layer.parameters() for a in (p.data, p.state)]
            if not all(checks.all_finite(a) for a in (*arrays, *layer.buffers.values())):
                raise NonFiniteError(
                    f"Weights or optimizer state of layer {k} became NaN or infinite in {where}, by step {self.number - 1}, "
                    "while the loss was still finite. A lower learning rate or inputs of unit scale usually mend it."
                )
