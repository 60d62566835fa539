"""One step: forward, loss, backward with the optimizer's update; or the gradients alone."""

import math
from functools import partial

import numpy as np

from .. import checks
from ..errors import NonFiniteError
from ..optimizers import RULES, Optimizer
from ..randomness import step_key
from .batches import Rows, Targets, check_index_targets, check_sample_weight
from .memory_limit import WORTH_ASKING, require
from .plan import Plan
from .threads import engine, in_pieces

L2, DECAY = 4, 5  # positions of weight decay in the hyperparameters: biases are not decayed


class Steps:
    """The part of `Trainer` that takes steps, by plans that it builds once per batch size and topology."""

    @property
    def optimizer(self):
        """The optimizer. Setting another one sets `lr` to its learning rate; its state starts at zero unless the rule is the same."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer):
        self._optimizer = checks.instance("optimizer", optimizer, Optimizer, "sm.SGD(lr=0.01)")
        self.lr, self._plans = optimizer.lr, {}

    def _rate(self, epoch, n_epochs):
        """The learning rate at a fractional epoch, checked: a user's own schedule may return anything."""
        value = self.lr(epoch, n_epochs) if callable(self.lr) else self.lr
        if type(value) is float and 0 <= value < math.inf:
            return value
        return checks.real(f"The learning rate at epoch {epoch:.6g}", value, 0, fix="It comes from trainer.lr.")

    def _plan(self, n, capacity):
        """The training plan for a batch of n samples, with buffers for `capacity`."""
        if capacity != self._capacity:
            self._plans, self._capacity = {}, capacity
        plan = self._plans.get(n)
        if plan is not None and plan.fits(self.network):
            return plan
        self._allocate_states()
        full = self._plans.get(capacity)
        if full is None or not full.fits(self.network):
            self._plans.clear()
            full = self._plans[capacity] = self._new_plan(capacity, capacity, None)
        if n != capacity:
            self._plans[n] = self._new_plan(n, capacity, full)
        return self._plans[n]

    def _allocate_states(self):
        """Optimizer state for every layer, or MemoryError before any of it is allocated.

        A trainer that takes its first step starts from zeros, and so does one whose network another rule has trained since: its
        numbers would mean something else.
        """
        net, optimizer = self.network, self.optimizer
        net.require_sound()
        missing = [layer for layer in net.layers if layer.weights.state.shape[0] != optimizer.n_state]
        n_bytes = sum(layer.weights.data.size for layer in missing) * optimizer.n_state * net.dtype.itemsize
        if n_bytes >= WORTH_ASKING:
            require(n_bytes, f"The state of {type(optimizer).__name__}", "SGD without momentum keeps none; a lower density needs less.")
        fresh = self.step == 0 or net.trained_by not in (None, optimizer.rule)
        for layer in net.layers:
            layer.allocate_state(optimizer.n_state)
            if fresh:
                layer.weights.state[:], layer.bias_state[:] = 0, 0
        net.trained_by = optimizer.rule

    def _new_plan(self, n, capacity, share):
        net = self.network
        activation = self.loss.output_activation(net.output)
        keep = "growth_gradient" in self.policy.needs
        plan = Plan(net, n, capacity, output_activation=activation, training=True, share=share, keep_activations=keep)
        plan.backward = plan.backward_calls(net, self.optimizer.rule, self._hyper, self._bias_hyper)
        plan.unfused = {}
        return plan

    def _backward(self, plan):
        """Backward with the update, by the fused kernels but for layers whose gradients the policy asked for in this step."""
        if self._asked is None:
            for function, args in plan.backward:
                function(*args)
            return
        last = len(plan.backward) - 1
        try:
            for q, (function, args) in enumerate(plan.backward):
                if needs_stored(self._asked[last - q], self.network.layers[last - q]):
                    for function, args in self._unfused(plan, last - q):
                        function(*args)
                else:
                    function(*args)
        except BaseException:  # an interrupt between an update and the mask that belongs to it
            for layer in self.network.layers:
                if layer.weights.is_dense:
                    layer.weights.clear_removed()
            raise
        self.evolution.collect()

    def _unfused(self, plan, k):
        """Layer k's backward pass that stores the gradients, and then the update from them."""
        from ..kernels import update

        layer, grads = self.network.layers[k], self.evolution.buffers(k)
        held, calls = plan.unfused.get(k, (None, ()))
        if held is grads:
            return calls
        hypers, rule, weights, w = (self._hyper, self._bias_hyper), self.optimizer.rule, layer.weights, plan.context.w
        data = weights.data, grads[0][0], weights.state, rule, self._hyper
        calls = [plan.backward_call(self.network, k, RULES["gradient"], *hypers, grads)]
        if weights.is_dense:
            calls += [(in_pieces, (partial(update.update_part, w), weights.data.size, *data)), (weights.clear_removed, ())]
        else:
            n_threads = plan.context.n_threads
            calls.append((update.update_all if n_threads > 1 else update.update_all_serial, (w, n_threads, *data)))
        calls.append((update.update_part, (w, 0, layer.bias.size, layer.bias, grads[1][0], layer.bias_state, rule, self._bias_hyper)))
        plan.unfused[k] = grads, calls
        return calls

    def _forward(self, plan, source, rows, values, weights):
        """Fill the plan's activations and output gradient; returns the loss."""
        source.fill(plan, rows)
        for layer, ints in plan.dropouts:
            ints[2] = step_key(self._dropout_key, self.step, layer)
        if weights is not None:
            np.take(weights, rows, out=plan.weights64, mode="clip")
            total = plan.weights64.sum()
            np.multiply(plan.weights64, 1 / total if total > 0 else 0.0, out=plan.scale, casting="same_kind")
        for function, args in plan.forward:
            function(*args)
        kernel, args = self.loss.call(plan, values, rows, self.network.output)
        kernel(*args)
        loss = float(plan.stats[0])
        if not math.isfinite(loss):
            raise self._not_finite(plan, loss)
        return loss

    def _run_step(self, plan, source, rows, values, weights, lr):
        loss = self._forward(plan, source, rows, values, weights)
        self.step += 1
        hyper = self.optimizer.hyper(lr, self.step)
        if hyper != self._last_hyper:
            self._last_hyper = None  # an interrupt between the two leaves no half
            self._hyper[:] = hyper
            self._bias_hyper[:] = hyper
            self._bias_hyper[L2], self._bias_hyper[DECAY] = 0, 1
            self._last_hyper = hyper
        self._backward(plan)
        return loss

    def train_step(self, X, y, sample_weight=None):
        """One optimizer step on one batch; no topology change.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_batch, n_in]
            Only shape and dtype are checked.
        y : integer[n_batch] class indices (softmax), or float[n_batch, n_out]
        sample_weight : float[n_batch], optional

        Returns
        -------
        float
            The batch's loss before the step.

        Raises
        ------
        NonFiniteError
            The loss is NaN or infinite; the weights are as they were.
        """
        net = self.network
        source = Rows(X, net.n_in, finite=False)
        n = len(source)
        if net.output == "softmax":
            values = check_index_targets(y, n, net.n_out)
        else:
            y = np.asarray(y, net.dtype)
            if y.ndim not in (1, 2) or len(y) != n:
                raise ValueError(f"y must have one entry for each of the {n} rows of X; got shape {y.shape}.")
            values = np.ascontiguousarray(y.reshape(n, -1))
            if values.shape[1] != net.n_out:
                raise ValueError(f"y must have {net.n_out} columns, the network's outputs; got {values.shape[1]}.")
        weights = check_sample_weight(sample_weight, n)
        with engine():
            self._asked = None
            plan = self._plan(n, n)
            if weights is None:
                plan.uniform_scale()
            lr = self._rate(self.epoch, max(self.n_epochs, 1))
            return self._run_step(plan, source, plan.rows, values, weights, lr)

    def gradients(self, X, y, sample_weight=None):
        """Gradients of the loss on one batch, without a step; dropout as the next step would draw it.

        Returns
        -------
        loss : float
        gradients : list of (float[connections], float[n_out])
            By layer: of the stored connections, in CSR order (row-major for dense layers, removed connections included), and of
            the biases.
        """
        net = self.network
        loss = self.loss
        source = Rows(X, net.n_in)
        targets = Targets(y, len(source), net, loss)
        weights = check_sample_weight(sample_weight, len(source))
        with engine():
            plan = self._plan(len(source), len(source))
            if weights is None:
                plan.uniform_scale()
            value = self._forward(plan, source, plan.rows, targets.values, weights)
            grads = self._stored_gradients(plan)
        return value, [(dw[0], db[0]) for dw, db in grads]

    def _stored_gradients(self, plan):
        """After a forward pass: new (float[1, data.size], float[1, n_out]) by layer, without a step."""
        grads = gradient_buffers(self.network)
        for function, args in plan.backward_calls(self.network, RULES["gradient"], self._hyper, self._bias_hyper, grads):
            function(*args)
        return grads

    def _not_finite(self, plan, loss):
        where = "the loss itself"
        for k, layer in enumerate(self.network.layers):
            if not (np.isfinite(layer.weights.data).all() and np.isfinite(layer.bias).all()):
                where = f"the weights of layer {k}"
                break
            if not np.isfinite(plan.activations[k + 1]).all():
                where = f"the outputs of layer {k}"
                break
        return NonFiniteError(
            f"The loss became {loss} in epoch {self.epoch}, step {self.step}; the first non-finite numbers are in {where}. "
            "The weights are those before this step. A lower learning rate or inputs of unit scale usually mend it."
        )

    def _check_finite(self, epoch):
        """The loss of a step tells of the steps before it: this tells of an epoch's last one, and of what a ReLU hides."""
        for k, layer in enumerate(self.network.layers):
            arrays = layer.weights.data, layer.weights.state, layer.bias, layer.bias_state
            if not all(checks.all_finite(a) for a in arrays):
                raise NonFiniteError(
                    f"Weights or optimizer state of layer {k} became NaN or infinite in epoch {epoch}, by step {self.step - 1}, "
                    "while the loss was still finite. A lower learning rate or inputs of unit scale usually mend it."
                )


def needs_stored(asked, layer):
    """Whether a policy that asked for this needs the layer's gradients in memory; growth looks at all pairs of units by itself."""
    return bool(asked & {"gradient", "accumulated_gradient"} or (asked and layer.weights.is_dense))


def gradient_buffers(network):
    """[(float[1, connections], float[1, n_out])] by layer, where the rule GRADIENT writes."""
    return [(np.zeros((1, layer.weights.data.size), network.dtype), np.zeros((1, layer.n_out), network.dtype)) for layer in network.layers]
