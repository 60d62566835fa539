"""`Network`: a chain of layers, and what predicts from it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..engine.batches import Rows, Targets, check_sample_weight
from ..engine.plan import Plan
from ..engine.threads import blas_to_one_thread, engine
from ..errors import NonFiniteError, TopologyError
from ..layers.base import Layer
from ..layers.dropout import InputDropout
from ..losses import get_loss
from .connectivity import connectivity

if TYPE_CHECKING:
    from ..losses import Loss
    from .connectivity import Connectivity


OUTPUTS = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy", "identity": "mse"}  # and the loss each is evaluated by
PREDICT_BATCH = 512
KEPT_PLANS = 4


class Network:
    """A network is a chain of layers, and predicts from it; `Trainer` trains it.

    Parameters
    ----------
    layers : list of Layer
        The layers from input to output; each takes as many inputs as the one before has outputs.
    output : {"softmax", "sigmoid", "identity"}
        What the last layer's sums become in a prediction; it decides which losses fit.
    input_dropout : float in [0, 1)
        The share of inputs that training sets to 0.
    seed : int
        The seed of everything that is drawn at random in training: the order of samples, dropout, policies.

    Attributes
    ----------
    classes : array[n_classes] or None
        Labels by output unit, learned by `Trainer.fit`.
    """

    def __init__(self, layers: list[Layer], output: str = "softmax", input_dropout: float = 0.0, seed: int = 0) -> None:
        self._dtype = _check_chain(layers)
        self.layers = list(layers)
        self.output = checks.choice("output", output, OUTPUTS)
        if output == "softmax" and self.n_out < 2:
            raise ValueError("A softmax output must have at least 2 units; got 1. For two classes use 2, or output='sigmoid' with 1.")
        self.input_dropout = InputDropout(input_dropout)
        self.seed = checks.integer("seed", seed, 0)
        self.classes = None
        self.trained_by = None  # the rule whose numbers the layers' optimizer state is
        self._plans: dict[tuple, Plan] = {}

    @property
    def classes(self) -> Any:
        """Labels by output unit, array[n_classes], or None."""
        return self._classes

    @classes.setter
    def classes(self, classes: Any) -> None:
        n = 2 if self.output == "sigmoid" and self.n_out == 1 else self.n_out
        if classes is not None:
            classes = np.asarray(classes)
            if classes.shape != (n,) or np.unique(classes).size != n:
                raise ValueError(f"classes must be {n} different labels, one an output unit, or None; got {classes!r:.200}.")
        self._classes = classes

    n_in = property(lambda self: self.layers[0].n_in)
    n_out = property(lambda self: self.layers[-1].n_out)

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: that of every layer with parameters."""
        return self._dtype

    @property
    def sizes(self) -> list[int]:
        """Widths, inputs first."""
        return [self.n_in] + [layer.n_out for layer in self.layers]

    @property
    def n_connections(self) -> int:
        return sum(layer.weights.n_connections for _, layer in self.weighted)

    @property
    def weighted(self) -> Iterator[tuple[int, Layer]]:
        """The layers that have weights: (k, layer), k counted among all layers."""
        return ((k, layer) for k, layer in enumerate(self.layers) if layer.weights is not None)

    @property
    def n_parameters(self) -> int:
        """Connections, biases and whatever else is trained."""
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def density(self) -> float:
        """Connections over those of the dense net."""
        return self.n_connections / max(1, sum(math.prod(layer.weights.shape) for _, layer in self.weighted))

    # ---- prediction ----
    def _plan(self, n: int, capacity: int, kind: str) -> Plan:
        """Return the inference plan for n samples; kind: "scores" (logits of a softmax) or "logits" of any output."""
        activation = self._output_activation(kind)
        key = (n, capacity, activation)
        plan = self._plans.get(key)
        if plan is None or not plan.fits(self):
            while len(self._plans) >= KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            plan = Plan(self, n, capacity, output_activation=activation, training=False)
            self._plans[key] = plan
        return plan

    def _output_activation(self, kind: str) -> str:
        """Return what the last layer applies when it predicts."""
        return "identity" if kind == "logits" or self.output == "softmax" else self.output

    def _batches(self, source: Rows, kind: str = "scores") -> Iterator[tuple[int, int, Plan]]:
        """Yield (start, stop, plan) after the forward pass of each batch; to be consumed while holding the engine."""
        n = len(source)
        for start in range(0, n, PREDICT_BATCH):
            stop = min(start + PREDICT_BATCH, n)
            plan = self._plan(stop - start, min(n, PREDICT_BATCH), kind)
            source.fill(plan, plan.rows if start == 0 else plan.rows + start)
            with blas_to_one_thread(plan.blas_alone):
                for call in plan.forward:
                    call.function(*call.args)
            yield start, stop, plan

    def _scores(self, X: Any) -> np.ndarray:
        """Return float[n_samples, n_out]: the output layer's activations, logits if it is a softmax."""
        from ..kernels.tiles import from_tiles

        source = Rows(X, self.n_in, dtype=self.dtype)
        out = np.empty((len(source), self.n_out), self.dtype)
        with engine():
            for start, stop, plan in self._batches(source):
                from_tiles(plan.context.w, plan.outputs, out[start:stop])
                if not np.isfinite(out[start:stop]).all():
                    raise NonFiniteError(self._why_not_finite(out[start:stop], start))
        return out

    def _why_not_finite(self, outputs: np.ndarray, start: int) -> str:
        for k, layer in enumerate(self.layers):
            arrays = *[p.data for p in layer.parameters()], *layer.buffers.values()
            if not all(checks.all_finite(a) for a in arrays):
                return f"The outputs are NaN or infinite: layer {k} holds such numbers: a training diverged. Load an earlier one."
        row = start + int(np.argwhere(~np.isfinite(outputs))[0, 0])
        return f"The outputs of row {row} of X are NaN or infinite: its numbers are too large for this network in {self.dtype}. Scale X."

    def predict_proba(self, X: Any) -> np.ndarray:
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

    def predict(self, X: Any) -> np.ndarray:
        """Return predicted labels (softmax), 0/1 or the two labels (sigmoid), or values (identity).

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

    def evaluate(self, X: Any, y: Any, sample_weight: ArrayLike | None = None, loss: str | Loss | None = None) -> dict[str, float]:
        """Return mean loss and accuracy, by the training loss of the output unless `loss` names another.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in]
        y : as in `Trainer.fit`
        sample_weight : float[n_samples], optional
            The weights of both means.
        loss : str, optional

        Returns
        -------
        dict
            "loss" : float; "accuracy" : float in [0, 1], for softmax and binary cross-entropy.
        """
        loss = get_loss(loss or OUTPUTS[self.output], self.output)
        source = Rows(X, self.n_in, dtype=self.dtype)
        targets = Targets(y, len(source), self, loss)
        return self.evaluate_rows(source, targets, check_sample_weight(sample_weight, len(source)), loss)

    def evaluate_rows(self, source: Rows, targets: Targets, weights: np.ndarray | None, loss: Loss) -> dict[str, float]:
        """`evaluate` of a `Rows` and a `Targets` that are checked already."""
        from ..kernels.tiles import from_tiles

        n, total, correct = len(source), 0.0, 0.0
        shares = None if weights is None else weights / weights.sum()
        kind = "logits" if loss.logits else "scores"
        with engine():
            for start, stop, plan in self._batches(source, kind):
                rows = np.arange(start, stop)
                plan.scale[:] = 1 / n if shares is None else shares[start:stop]
                loss.run(plan, targets.of(plan, rows), rows, self.output)
                if not math.isfinite(plan.stats[0]):
                    outputs = np.empty((plan.n, self.n_out), self.dtype)
                    from_tiles(plan.context.w, plan.outputs, outputs)
                    finite = np.isfinite(outputs).all()
                    raise NonFiniteError(
                        f"The loss of rows {start} to {stop - 1} is {plan.stats[0]}: the targets are too far from the outputs."
                        if finite
                        else self._why_not_finite(outputs, start)
                    )
                total += plan.stats[0]
                if shares is None:
                    correct += float(plan.stats[1])
                elif loss.has_accuracy:
                    correct += float(shares[start:stop] @ _right_answers(plan, targets.values[start:stop], loss))
        result = {"loss": float(total)}
        if loss.has_accuracy:
            result["accuracy"] = correct / ((n if shares is None else 1) * loss.answers(self.n_out))
        return result

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return accuracy in [0, 1]; for an identity output the coefficient of determination R² (mean over outputs).

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

    @contextlib.contextmanager
    def buffers_kept(self) -> Iterator[None]:
        """Give layers their running statistics back afterwards: what is no step changes nothing."""
        before = [[b.copy() for b in layer.buffers.values()] for layer in self.layers]
        try:
            yield
        finally:
            for layer, kept in zip(self.layers, before, strict=True):
                for buffer, values in zip(layer.buffers.values(), kept, strict=True):
                    buffer[...] = values

    # ---- looking at it ----
    def require_sound(self, *, bounds: bool = False) -> None:
        """Raise an error unless kernels may take this network: layers that fit each other, arrays of the right shape, dtype and order.

        Parameters
        ----------
        bounds : bool
            Look at every index too: O(connections), else O(layers).
        """
        _check_chain(self.layers)
        for k, layer in enumerate(self.layers):
            layer.require_sound(f"layers[{k}]")
            if bounds and layer.weights is not None:
                layer.weights.check_bounds()

    def check(self) -> None:
        """Raise TopologyError unless every invariant of every layer holds. O(connections log connections)."""
        for k, layer in enumerate(self.layers):
            if layer.weights is not None:
                layer.weights.check()
            arrays = [a for p in layer.parameters() if p is not layer.weights for a in (p.data, p.state)]
            if not all(np.isfinite(a).all() for a in (*arrays, *layer.buffers.values())):
                raise TopologyError(f"Biases and their optimizer state must be finite; those of layer {k} are not.")

    def require_trainable(self) -> None:
        """Raise TypeError if a layer was made for prediction only."""
        for _, layer in self.weighted:
            layer.weights.require_trainable()

    def check_connectivity(self) -> Connectivity:
        """Find the units that no input reaches, and those that reach no output.

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

    def summary(self) -> str:
        """Return a table of the layers as text.

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
            said, w = layer.describe(), layer.weights
            shape = said["shape"] if said["kind"] == "Linear" else f"{said['kind']} {said['shape']}"
            counts: Any = ("", "") if w is None else (f"{w.n_connections:,}", f"{w.density:.4g}")
            rows.append((str(k), shape, *counts, f"{layer.n_parameters:,}"))
        rows.append(("total", "", f"{self.n_connections:,}", f"{self.density:.4g}", f"{self.n_parameters:,}"))
        wide = max(len("shape"), *(len(r[1]) for r in rows))
        counts = max(len("connections"), *(len(r[2]) for r in rows))
        lines = [f"layer   {'shape':<{wide}}   {'connections':>{counts}}   density   parameters"]
        lines += [f"{r[0]:>5}   {r[1]:<{wide}}   {r[2]:>{counts}}   {r[3]:<7}   {r[4]:>10}" for r in rows]
        return "\n".join(lines)

    def __getstate__(self) -> dict:
        """Return everything but the buffers of predictions, which are made again when needed; for pickle and copy."""
        return {**self.__dict__, "_plans": {}}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'-'.join(map(str, self.sizes))}, {self.n_connections:,} connections, density {self.density:.3g})"


def _right_answers(plan: Plan, values: np.ndarray, loss: Loss) -> np.ndarray:
    """Return how many right answers each sample of a batch got, float[n_batch]; ties go to the lower class, as in the kernels."""
    from ..kernels.tiles import from_tiles

    outputs = np.empty((plan.n, plan.outputs.shape[1]), plan.outputs.dtype)
    from_tiles(plan.context.w, plan.outputs, outputs)
    return loss.right(outputs, values)


def _check_chain(layers: list[Layer]) -> Any:
    """Return the dtype of a chain of layers, or raise an error that says which two do not fit each other."""
    if not layers:
        raise ValueError("A network needs at least one layer; got none.")
    for k, layer in enumerate(layers):
        checks.instance(f"layers[{k}]", layer, Layer, "sm.Linear(weights, bias)")
    for k, (a, b) in enumerate(zip(layers[:-1], layers[1:], strict=True)):
        if a.n_out != b.n_in:
            raise ValueError(f"Layer {k + 1} must take the {a.n_out} outputs of layer {k}; it takes {b.n_in} inputs.")
        if len(b.in_shape) > 1 and len(a.out_shape) > 1 and a.out_shape != b.in_shape:
            raise ValueError(f"Layer {k + 1} must take the shape {a.out_shape} that layer {k} puts out; it takes {b.in_shape}.")
    typed = [(k, layer.dtype) for k, layer in enumerate(layers) if layer.dtype is not None]
    if not typed:
        raise ValueError("A network needs at least one layer with parameters; got none.")
    for k, dtype in typed:
        if dtype != typed[0][1]:
            raise ValueError(f"Layers must have one dtype; layer {typed[0][0]} has {typed[0][1]}, layer {k} {dtype}.")
    if layers[-1].epilogue() is None:
        raise ValueError(f"The last layer must have an activation, for the output; got {type(layers[-1]).__name__}. Put sm.Linear last.")
    return typed[0][1]
