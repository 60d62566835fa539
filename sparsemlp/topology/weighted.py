"""Units that see inputs in proportion to a score, such as how much an input alone tells of the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import TopologyError
from .base import LARGEST, Topology, check_layer, require_first
from .columns import VALUES, Columns, draw_inputs
from .expander import by_input

FLOOR = 0.01  # of a score: a hundredth of what an input without any relation to the labels has on average


@dataclass(frozen=True, eq=False)
class Weighted(Topology):
    """Each unit draws its inputs in proportion to their scores: a topology of the first layer that may look at X and y.

    Parameters
    ----------
    fan_in : int, >= 1
        Inputs of each unit, at most n_in when built.
    scores : float[n_in], >= 0, optional
        Of each input. Default: `label_scores(X, y)` of the net's data: ``sm.MLP(sizes, topology=[...], data=(X, y))``.

    Raises
    ------
    ValueError, TypeError
        At construction: scores that are negative, not finite, or not one-dimensional.
    TopologyError
        When built: not one score per input; fewer positive scores than `fan_in`; not the first layer, without scores of its own.

    Notes
    -----
    O(n_in · n_out) time, float32 memory of O(connections + block). If the columns of X change places, the connections change
    places with them, exactly; equal columns count as interchangeable, and with `scores` inputs of equal score. Made for text and
    other wide inputs of which few matter; scores of inputs that only tell something together are low, as in Madelon:
    use `Correlated` there.

    Examples
    --------
    >>> indptr, indices = Weighted(fan_in=2, scores=[5, 0, 1, 0]).build(4, 3, np.random.default_rng(0))
    >>> np.diff(indptr)
    array([3, 0, 3, 0], dtype=int32)
    """

    fan_in: int
    scores: np.ndarray | None = None

    def __post_init__(self) -> None:
        checks.integer("Weighted.fan_in", self.fan_in, 1, LARGEST)
        if self.scores is not None:
            scores = np.array(self.scores, np.float64)
            if scores.ndim != 1 or not (np.isfinite(scores).all() and (scores >= 0).all()):
                raise ValueError(f"Weighted.scores must be finite numbers >= 0, one per input; got shape {scores.shape}, {scores!r:.80}.")
            scores.flags.writeable = False
            object.__setattr__(self, "scores", scores)

    @property
    def needs_data(self) -> bool:
        """True unless the scores are given."""
        return self.scores is None

    def fitted(self, X: Any, y: Any, layer: int) -> Topology:
        """Return the topology for these data; see `Topology.fitted`."""
        require_first(self, layer)
        if y is None:
            raise TopologyError(f"{self} must see the labels: sm.MLP(sizes, topology=[...], data=(X, y)) with y, or give scores=.")
        columns = Columns(X)
        return _Fitted(self.fan_in, _label_scores(columns, y), columns.order)

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`."""
        if self.scores is None:
            raise TopologyError(f"{self} must see the data: sm.MLP(sizes, topology=[...], data=(X, y)), or give scores=.")
        if self.scores.size != n_in:
            raise TopologyError(f"Weighted.scores must be one per input, {n_in}; got {self.scores.size}.")
        order = np.argsort(self.scores, kind="stable")
        return _Fitted(self.fan_in, self.scores[order], order).build(n_in, n_out, rng)


@dataclass(frozen=True, eq=False)
class _Fitted(Topology):
    """Scores of the inputs in an order that does not depend on where they stand; `order` says where they do."""

    fan_in: int
    scores: np.ndarray
    order: np.ndarray

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        fan_in = self.fan_in
        check_layer(f"Weighted(fan_in={fan_in})", n_in, n_out, fan_in * n_out)
        positive = int(np.count_nonzero(self.scores))
        if positive < fan_in:
            raise TopologyError(f"Weighted(fan_in={fan_in}) needs as many inputs with a positive score; {positive} of {n_in} have one.")
        with np.errstate(divide="ignore"):
            log_scores = np.log(self.scores).astype(np.float32)
        block = max(1, VALUES // n_in)
        cells = np.empty((n_out, fan_in), np.int64)
        for start in range(0, n_out, block):
            units = np.arange(start, min(start + block, n_out))
            chosen = draw_inputs(np.tile(log_scores, (units.size, 1)), fan_in, rng)
            cells[units] = units[:, None] * n_in + self.order[chosen]
        return by_input(cells.ravel(), n_in, n_out)


def label_scores(X: Any, y: Any) -> np.ndarray:
    """Score each input by how much it alone tells of the targets: its F statistic, plus 0.01 so that none is excluded.

    Parameters
    ----------
    X : array or scipy sparse matrix [n_samples, n_in]
    y : labels [n_samples] (integers, strings, booleans), or numbers (floating point) [n_samples] or [n_samples, n_out]
        Of labels the one-way analysis of variance, (between / (classes - 1)) / (within / (n - classes)); of numbers that of the linear
        regression, r² (n - 2) / (1 - r²), the largest over the outputs. Everything two-dimensional counts as numbers.

    Returns
    -------
    float64[n_in]
        Constant inputs have 0.01.

    Raises
    ------
    ValueError
        Lengths that differ, NaN or infinity, fewer than two classes, or constant targets.

    Notes
    -----
    Two passes over X in pieces of 8 MB: O(n_samples · n_in · classes) time, O(classes · n_in) memory. Use training rows only:
    scores of rows that a model is tested on leak their labels.

    Examples
    --------
    >>> label_scores([[0, 1], [0, 2], [1, 1], [2, 2]], ["a", "a", "b", "b"]).round(2).tolist()
    [9.01, 0.01]
    """
    from .from_data import check_data

    X, y = check_data((X, y))
    columns = Columns(X)
    scores = np.empty(columns.n_in)
    scores[columns.order] = _label_scores(columns, y)
    return scores


def _label_scores(columns: Columns, y: Any) -> np.ndarray:
    """Return `label_scores` in the order of `columns`."""
    y = np.asarray(y)
    numbers = y.ndim == 2 or y.dtype.kind == "f"
    if numbers:
        targets = y.reshape(len(y), -1).astype(np.float64)
        if not np.isfinite(targets).all():
            raise ValueError("y must be finite; it holds NaN or infinity.")
        targets = targets - targets.mean(axis=0)
        lengths = np.sqrt((targets**2).sum(axis=0))
        if not lengths.any():
            raise ValueError("y must not be constant: no input tells anything of it.")
        targets = targets[:, lengths > 0] / lengths[lengths > 0]
    else:
        names, codes = np.unique(y, return_inverse=True)
        if names.size < 2:
            raise ValueError(f"y must hold at least 2 classes; got {names.size}.")
        targets = np.zeros((len(y), names.size))
        targets[np.arange(len(y)), codes] = 1
        targets /= np.sqrt(targets.sum(axis=0))
    n = len(y)
    mean = sum(part.sum(axis=0, dtype=np.float64) for _, part in columns.pieces()) / n
    total, projections = np.zeros(columns.n_in), np.zeros((targets.shape[1], columns.n_in))
    for rows, part in columns.pieces():
        centred = part - mean
        total += (centred**2).sum(axis=0)
        projections += targets[rows].T @ centred
    varies = total > 1e-12 * n * np.maximum(mean**2, np.finfo(np.float64).tiny)
    explained = np.where(varies, (projections**2).max(axis=0) if numbers else (projections**2).sum(axis=0), 0)
    explained /= np.where(varies, total, 1)
    freedom = 1 if numbers else targets.shape[1] - 1
    rest = max(n - freedom - 1, 1)
    return explained / freedom * rest / np.maximum(1 - explained, 1e-9) + FLOOR
