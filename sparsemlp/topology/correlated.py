"""Units that see inputs which belong together: what an image's patches are, found without knowing the image."""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from .. import checks
from ..errors import TopologyError
from .base import LARGEST, Topology, check_layer, require_first
from .columns import VALUES, Columns, draw_inputs
from .expander import by_input

LEAST = 1e-6  # of a correlation, so that it has a logarithm
WIDEST = 2**14  # inputs


@dataclass(frozen=True)
class Correlated(Topology):
    """Each unit draws a seed among the inputs, then inputs that are correlated with it: a topology of the first layer that looks at X.

    With C the absolute correlations of the inputs on the training data, input s is a unit's seed in proportion to the sum of C[s]² over
    the other inputs whose correlation with s is beyond chance (3.5 / √rows). The unit then draws `fan_in` distinct inputs in
    proportion to C[s]^(1 / temperature). Labels are not looked at. Give the net the data: ``sm.MLP(sizes, topology=[...], data=(X, y))``.

    Parameters
    ----------
    fan_in : int, >= 1
        Inputs of each unit, at most n_in when built.
    temperature : float, > 0
        Small: the most correlated inputs and no others; large: any inputs.
    max_rows : int, >= 2
        Rows that the correlations are computed of, evenly spaced in X.

    Raises
    ------
    TopologyError
        When built: more than 16,384 inputs, whose pairs would take minutes to compare; not the first layer.

    Notes
    -----
    At most 3 · rows · n_in² floating-point operations (784 inputs: a fraction of a second; 3,072: one or two seconds) and
    float32 memory of O(connections + n_in · block): no matrix of all pairs is kept. If the columns of X change places, the
    connections change places with them, exactly; equal columns count as interchangeable. Constant columns are drawn last.
    Worth most where inputs come in groups (images, sensors, Madelon); on text use `Weighted`.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> net = sm.MLP([64, 100, 10], topology=[sm.Correlated(fan_in=9), sm.Dense()], data=(X, y), seed=0)
    >>> net.layers[0].weights.n_connections
    900
    """

    fan_in: int
    temperature: float = 0.05
    max_rows: int = 5_000
    needs_data = True

    def __post_init__(self) -> None:
        checks.integer("Correlated.fan_in", self.fan_in, 1, LARGEST)
        checks.real("Correlated.temperature", self.temperature, 0, inf, open_low=True)
        checks.integer("Correlated.max_rows", self.max_rows, 2)

    def fitted(self, X: Any, y: Any, layer: int) -> Topology:
        """Return the topology for these data; see `Topology.fitted`. `y` is not used."""
        require_first(self, layer)
        n_in = X.shape[1]
        if n_in > WIDEST:
            raise TopologyError(
                f"Correlated compares all pairs of inputs, and takes at most {WIDEST:,} of them; X has {n_in:,}. "
                "Use Weighted, which looks at each input by itself, or select columns first."
            )
        return _Fitted(self, Columns(X, self.max_rows))

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Raise TopologyError: the data are missing."""
        raise TopologyError(f"{self} must see the data: sm.MLP(sizes, topology=[...], data=(X, y)).")


@dataclass(frozen=True, eq=False)
class _Fitted(Topology):
    """`Correlated` with the columns it looks at; all columns here are in their canonical order."""

    rule: Correlated
    columns: Columns

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        fan_in = self.rule.fan_in
        check_layer(self.rule, n_in, n_out, fan_in * n_out)
        mean, scale = self._moments()
        pieces = self._standardised(mean, scale)
        block = max(1, min(512, VALUES // n_in))
        weights = np.zeros(n_in)
        chance = 3.5 / np.sqrt(self.columns.rows.size)
        for start in range(0, n_in, block):
            stop = min(start + block, n_in)
            C = correlations(pieces(), np.arange(start, stop), start)  # the pairs before `start` are mirrored
            C[chance > C] = 0
            np.square(C, out=C)
            weights[start:stop] += C.sum(axis=1, dtype=np.float64)
            weights[stop:] += C[:, stop - start :].sum(axis=0, dtype=np.float64)
        weights = np.where(scale > 0, np.maximum(weights - 1, 0) + 1e-3, 0 if scale.any() else 1)
        seeds = rng.choice(n_in, n_out, p=weights / weights.sum())
        units = np.argsort(seeds, kind="stable")
        cells = np.empty((n_out, fan_in), np.int64)
        distinct, first = np.unique(seeds[units], return_index=True)
        first = np.append(first, n_out)
        for start in range(0, distinct.size, block):
            some = distinct[start : start + block]
            log_c = np.log(np.maximum(correlations(pieces(), some), LEAST)) / np.float32(self.rule.temperature)
            log_c[np.arange(some.size), some] = 0
            for q in range(first[start], first[start + some.size], block):
                these = units[q : min(q + block, first[start + some.size])]
                chosen = draw_inputs(log_c[np.searchsorted(some, seeds[these])], fan_in, rng)
                cells[these] = these[:, None] * n_in + self.columns.order[chosen]
        return by_input(cells.ravel(), n_in, n_out)

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (mean, 1 / (deviation · √rows)), float32[n_in] each; 0 for a constant column."""
        n = self.columns.rows.size
        mean = sum(part.sum(axis=0, dtype=np.float64) for _, part in self.columns.pieces()) / n
        low, high = np.full(mean.size, np.inf), np.full(mean.size, -np.inf)
        total = np.zeros(mean.size)
        for _, part in self.columns.pieces():
            total += ((part - mean) ** 2).sum(axis=0)
            low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
        with np.errstate(divide="ignore"):
            return mean.astype(np.float32), np.where(low < high, 1 / np.sqrt(total), 0).astype(np.float32)

    def _standardised(self, mean: np.ndarray, scale: np.ndarray) -> Any:
        """Return a function that yields the pieces less their mean, times the scale; made once if they are kept, else in one buffer."""
        if self.columns.kept:
            made = [(part - mean) * scale for _, part in self.columns.pieces()]
            return lambda: made

        def pieces() -> Any:
            buffer = None
            for _, part in self.columns.pieces():
                buffer = np.empty_like(part) if buffer is None else buffer
                piece = np.subtract(part, mean, out=buffer[: len(part)])
                yield np.multiply(piece, scale, out=piece)

        return pieces


def correlations(pieces: Any, some: np.ndarray, first: int = 0) -> np.ndarray:
    """Return float32[len(some), n_in - first]: absolute correlations of some columns with the columns from `first` on.

    pieces : of X standardised, so that the squares of each column add up to 1.
    """
    C: Any = 0
    for part in pieces:
        C += part[:, some].T @ part[:, first:]
    return np.minimum(np.abs(C, out=C), 1, out=C)
