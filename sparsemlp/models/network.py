"""`Network`: a chain of layers, and what predicts from it."""

import numpy as np

from .. import checks
from ..engine.batches import Rows, Targets, check_sample_weight
from ..engine.plan import Plan
from ..engine.threads import engine
from ..errors import TopologyError
from ..layers import InputDropout
from ..losses import get_loss
from .connectivity import connectivity

OUTPUTS = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy", "identity": "mse"}  # and the loss each is evaluated by
PREDICT_BATCH = 512
KEPT_PLANS = 4


class Network:
    """A chain of layers with what predicts from it.

    Parameters
    ----------
    layers : list of Linear
        Each takes as many inputs as the one before has outputs.
    output : {"softmax", "sigmoid", "identity"}
    input_dropout : float in [0, 1)
    seed : int
        The trainer draws from it too.

    Attributes
    ----------
    classes : array[n_classes] or None
        Labels by output unit, learned by `Trainer.fit`.
    """

    def __init__(self, layers, output="softmax", input_dropout=0.0, seed=0):
        _check_chain(layers)
        self.layers = list(layers)
        self.output = checks.choice("output", output, OUTPUTS)
        if output == "softmax" and self.n_out < 2:
            raise ValueError("A softmax output must have at least 2 units; got 1. For two classes use 2, or output='sigmoid' with 1.")
        self.input_dropout = InputDropout(input_dropout)
        self.seed = checks.integer("seed", seed, 0)
        self.classes = None
        self.trained_by = None  # the rule whose numbers the layers' optimizer state is
        self._plans = {}

    @property
    def classes(self):
        """Labels by output unit, array[n_classes], or None."""
        return self._classes

    @classes.setter
    def classes(self, classes):
        n = 2 if self.output == "sigmoid" and self.n_out == 1 else self.n_out
        if classes is not None:
            classes = np.asarray(classes)
            if classes.shape != (n,) or np.unique(classes).size != n:
                raise ValueError(f"classes must be {n} different labels, one an output unit, or None; got {classes!r:.200}.")
        self._classes = classes

    n_in = property(lambda self: self.layers[0].n_in)
    n_out = property(lambda self: self.layers[-1].n_out)
    dtype = property(lambda self: self.layers[0].weights.dtype)

    @property
    def sizes(self):
        """Widths, inputs first."""
        return [self.n_in] + [layer.n_out for layer in self.layers]

    @property
    def n_connections(self):
        return sum(layer.weights.n_connections for layer in self.layers)

    @property
    def n_parameters(self):
        """Connections and biases."""
        return self.n_connections + sum(layer.n_out for layer in self.layers)

    @property
    def density(self):
        """Connections over those of the dense net."""
        return self.n_connections / sum(layer.n_in * layer.n_out for layer in self.layers)

    # ---- prediction ----
    def _plan(self, n, capacity, kind):
        """The inference plan for n samples; kind: "scores" (logits of a softmax) or "logits" of any output."""
        activation = self._output_activation(kind)
        key = (n, capacity, activation)
        plan = self._plans.get(key)
        if plan is None or not plan.fits(self):
            while len(self._plans) >= KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            plan = Plan(self, n, capacity, output_activation=activation, training=False)
            self._plans[key] = plan
        return plan

    def _output_activation(self, kind):
        """What the last layer applies when it predicts."""
        return "identity" if kind == "logits" or self.output == "softmax" else self.output

    def _batches(self, source, kind="scores"):
        """Yield (start, stop, plan) after the forward pass of each batch; to be consumed while holding the engine."""
        n = len(source)
        for start in range(0, n, PREDICT_BATCH):
            stop = min(start + PREDICT_BATCH, n)
            plan = self._plan(stop - start, min(n, PREDICT_BATCH), kind)
            source.fill(plan, plan.rows if start == 0 else plan.rows + start)
            for function, args in plan.forward:
                function(*args)
            yield start, stop, plan

    def _scores(self, X):
        """float[n_samples, n_out]: the output layer's activations, logits if it is a softmax."""
        from ..kernels.tiles import from_tiles

        source = Rows(X, self.n_in)
        out = np.empty((len(source), self.n_out), self.dtype)
        with engine():
            for start, stop, plan in self._batches(source):
                from_tiles(plan.context.w, plan.activations[-1], out[start:stop])
        return out

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in]

        Returns
        -------
        float[n_samples, n_out]
            Rows sum to 1 for a softmax. A sigmoid output gives the probability of each output on its own.

        Raises
        ------
        ValueError
            X does not fit, or the output is "identity".
        """
        if self.output == "identity":
            raise ValueError("predict_proba needs output='softmax' or 'sigmoid'; this network has 'identity'. Use predict.")
        scores = self._scores(X)
        if self.output == "softmax":
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def predict(self, X):
        """Predicted labels (softmax), 0/1 or the two labels (sigmoid), or values (identity).

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in]

        Returns
        -------
        array[n_samples] of labels; or [n_samples, n_out], [n_samples] if n_out is 1, for other outputs
        """
        scores = self._scores(X)
        if self.output == "softmax":
            best = scores.argmax(axis=1)
            return best if self.classes is None else self.classes[best]
        if self.output == "sigmoid":
            scores = (scores > 0.5).astype(np.int64)
        if scores.shape[1] == 1:
            scores = scores[:, 0]
            return scores if self.output == "identity" or self.classes is None else self.classes[scores]
        return scores

    def evaluate(self, X, y, sample_weight=None, loss=None):
        """Mean loss and accuracy, by the training loss of the output unless `loss` names another.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in]
        y : as in `Trainer.fit`
        sample_weight : float[n_samples], optional
            Both means are weighted.
        loss : str, optional

        Returns
        -------
        dict
            "loss" : float; "accuracy" : float in [0, 1], for softmax and binary cross-entropy.
        """
        loss = get_loss(loss or OUTPUTS[self.output], self.output)
        source = Rows(X, self.n_in)
        targets = Targets(y, len(source), self, loss)
        return self._evaluate(source, targets, check_sample_weight(sample_weight, len(source)), loss)

    def _evaluate(self, source, targets, weights, loss):
        n, total, correct = len(source), 0.0, 0.0
        shares = None if weights is None else weights / weights.sum()
        kind = "logits" if loss.logits else "scores"
        with engine():
            for start, stop, plan in self._batches(source, kind):
                rows = np.arange(start, stop)
                plan.scale[:] = 1 / n if shares is None else shares[start:stop]
                values = targets.values[start:stop] if loss.name == "cross_entropy" else targets.values
                kernel, args = loss.call(plan, values, rows, self.output)
                kernel(*args)
                total += plan.stats[0]
                if shares is None:
                    correct += float(plan.stats[1])
                elif loss.logits:
                    correct += float(shares[start:stop] @ _right_answers(plan, targets.values[start:stop], loss))
        result = {"loss": float(total)}
        of = n if shares is None else 1
        if loss.name == "cross_entropy":
            result["accuracy"] = correct / of
        elif loss.name == "binary_cross_entropy":
            result["accuracy"] = correct / (of * self.n_out)
        return result

    def score(self, X, y, sample_weight=None):
        """Accuracy in [0, 1]; for an identity output the coefficient of determination R² (mean over outputs).

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in]
        y : as in `Trainer.fit`
        sample_weight : float[n_samples], optional
        """
        if self.output != "identity":
            return self.evaluate(X, y, sample_weight)["accuracy"]
        predicted = self._scores(X).astype(np.float64)
        y = Targets(y, len(predicted), self, get_loss("mse", self.output)).values.astype(np.float64)
        weights = check_sample_weight(sample_weight, len(y))
        mean = np.average(y, axis=0, weights=weights)
        error, spread = (np.average((y - of) ** 2, axis=0, weights=weights) for of in (predicted, mean))
        return float(np.mean(1 - error / np.where(spread > 0, spread, 1)))

    # ---- looking at it ----
    def require_sound(self, *, bounds=False):
        """Raise an error unless kernels may take this network: layers that fit each other, arrays of the right shape, dtype and order.

        Parameters
        ----------
        bounds : bool
            Look at every index too: O(connections), else O(layers).
        """
        _check_chain(self.layers)
        for k, layer in enumerate(self.layers):
            layer.require_sound(f"layers[{k}]")
            if bounds:
                layer.weights.check_bounds()

    def check(self):
        """Raise TopologyError unless every invariant of every layer holds. O(connections log connections)."""
        for k, layer in enumerate(self.layers):
            layer.weights.check()
            if not (np.isfinite(layer.bias).all() and np.isfinite(layer.bias_state).all()):
                raise TopologyError(f"Biases and their optimizer state must be finite; those of layer {k} are not.")

    def check_connectivity(self):
        """Which units no input reaches, and which reach no output.

        Returns
        -------
        Connectivity
            True if there are none. O(units) time if not, O(connections) at most, and as many bytes.

        Examples
        --------
        >>> import scipy.sparse as sp, sparsemlp as sm
        >>> net = sm.MLP([3, 2, 2], topology=[sm.Given(sp.csr_array([[1, 0], [1, 0], [0, 0]])), sm.Dense()])
        >>> net.check_connectivity()
        units that no input reaches: 1 of 2 in hidden layer 1; units that reach no output: 1 of 3 in the inputs
        >>> net.check_connectivity().unreached[1]
        array([1])
        """
        return connectivity(self)

    def summary(self):
        """A table of the layers as text.

        Examples
        --------
        >>> import sparsemlp as sm
        >>> print(sm.MLP([4, 3, 2], density=0.5, seed=0).summary())
        layer   shape   connections   density   parameters
            0   4 x 3             5   0.4167             8
            1   3 x 2             4   0.6667             6
        total                     9   0.5               14
        """
        rows = []
        for k, layer in enumerate(self.layers):
            w = layer.weights
            rows.append((str(k), f"{w.shape[0]} x {w.shape[1]}", w.n_connections, w.density, w.n_connections + layer.n_out))
        rows.append(("total", "", self.n_connections, self.density, self.n_parameters))
        wide = max(len("shape"), *(len(r[1]) for r in rows))
        counts = max(len("connections"), *(len(f"{r[2]:,}") for r in rows))
        lines = [f"layer   {'shape':<{wide}}   {'connections':>{counts}}   density   parameters"]
        lines += [f"{r[0]:>5}   {r[1]:<{wide}}   {r[2]:>{counts},}   {r[3]:<7.4g}   {r[4]:>10,}" for r in rows]
        return "\n".join(lines)

    def __getstate__(self):
        """For pickle and copy: everything but the buffers of predictions, which are made again when needed."""
        return {**self.__dict__, "_plans": {}}

    def __repr__(self):
        return f"{type(self).__name__}({'-'.join(map(str, self.sizes))}, {self.n_connections:,} connections, density {self.density:.3g})"


def _right_answers(plan, values, loss):
    """How many right answers each sample of a batch got, float[n_batch]; ties go to the lower class, as in the kernels."""
    from ..kernels.tiles import from_tiles

    z = plan.activations[-1]
    logits = np.empty((plan.n, z.shape[1]), z.dtype)
    from_tiles(plan.context.w, z, logits)
    right = logits.argmax(axis=1) == values if loss.name == "cross_entropy" else ((logits > 0) == (values > 0.5)).sum(axis=1)
    return right.astype(np.float64)


def _check_chain(layers):
    if not layers:
        raise ValueError("A network needs at least one layer; got none.")
    for k, (a, b) in enumerate(zip(layers[:-1], layers[1:], strict=True)):
        if a.n_out != b.n_in:
            raise ValueError(f"Layer {k + 1} must take the {a.n_out} outputs of layer {k}; it takes {b.n_in} inputs.")
        if a.weights.dtype != b.weights.dtype:
            raise ValueError(f"Layers must have one dtype; layer {k} has {a.weights.dtype}, layer {k + 1} {b.weights.dtype}.")
