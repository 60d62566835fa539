"""What a policy is shown: `Progress`, where a run is, and `LayerView`, a layer that it can look at and not write to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .select import draw_empty, largest_magnitude, smallest_magnitude


@dataclass(frozen=True)
class Progress:
    """Says where a run is when a policy is asked.

    Attributes
    ----------
    epoch : int
        From 0: the epoch of this step (`on_step`), or the one just finished (`between_epochs`, never the last one of a run).
    n_epochs : int
        Length of the run.
    step : int
        Optimizer steps from 0 over the whole life of the trainer: this step, or the number of steps taken (`between_epochs`).
    n_steps : int
        Steps per epoch.
    fit_step : int
        As `step`, counted from the beginning of this run; default: `step`.
    """

    epoch: int
    n_epochs: int
    step: int
    n_steps: int
    fit_step: int = None  # type: ignore[assignment]  # becomes `step`

    def __post_init__(self) -> None:
        if self.fit_step is None:
            object.__setattr__(self, "fit_step", self.step)


@dataclass(frozen=True, eq=False)
class LayerView:
    """Shows a policy what it may see of a layer: arrays that it cannot write to, and ways to choose from its connections.

    Attributes
    ----------
    index : int
        The layer's number in the network, from 0.
    shape : (int, int)
        n_in, n_out.
    indptr, indices : int32[n_in + 1], int32[connections]; None for a dense layer
        CSR by input unit. They share the layer's memory and are valid until the next change.
    data : float[connections]
        Values in CSR order; of a dense layer row-major, float[n_in * n_out], removed connections (exactly 0) included.
    removed : bool[n_in * n_out] or None
        Which connections of a dense layer were removed; None if there are none.
    gradient : float[data.size] or None
        Mean over the last batch, aligned with `data`; for policies whose `needs` ask for it. Of a dense layer also at removed
        connections.
    accumulated_gradient : float[data.size] or None
        Sum of `gradient` over the steps of the epoch, as far as the policy asked for it; 0 for connections that were new since.
    growth_gradient : object or None
        Finds the largest gradients among missing connections, for policies that need "growth_gradient": see `steepest`.
    initializer : Initializer or None
        The layer's rule for new values.
    """

    index: int
    shape: tuple
    indptr: Any
    indices: Any
    data: np.ndarray
    removed: Any = None
    gradient: Any = None
    accumulated_gradient: Any = None
    growth_gradient: Any = None
    initializer: Any = None

    @classmethod
    def of(
        cls,
        layer: Any,
        index: int,
        *,
        gradient: np.ndarray | None = None,
        accumulated_gradient: np.ndarray | None = None,
        growth_gradient: Any = None,
    ) -> LayerView:
        """Return the view of a layer (anything with `weights` and `initializer`); costs microseconds, copies nothing."""
        weights = layer.weights
        indptr, indices, removed = (_locked(getattr(weights, name, None)) for name in ("indptr", "indices", "removed"))
        return cls(
            index,
            weights.shape,
            indptr,
            indices,
            _locked(weights.data),
            removed,
            _locked(gradient),
            _locked(accumulated_gradient),
            growth_gradient,
            getattr(layer, "initializer", None),
        )

    @property
    def is_dense(self) -> bool:
        """Stored as a 2-D array, where removed connections are masked: a change of it drops and grows slots of all of `data`."""
        return self.indptr is None

    @property
    def n_connections(self) -> int:
        return self.data.size - (0 if self.removed is None else int(np.count_nonzero(self.removed)))

    @property
    def density(self) -> float:
        """connections / (n_in * n_out)"""
        return self.n_connections / (self.shape[0] * self.shape[1])

    # ---- the same for sparse and for masked dense layers ----
    @property
    def slots(self) -> np.ndarray:
        """int64[connections]: the slots in `data` that hold connections, ascending; all of them unless some are masked."""
        return np.arange(self.data.size) if self.removed is None else np.flatnonzero(~self.removed)

    @property
    def values(self) -> np.ndarray:
        """float[connections]: `data` without what is masked."""
        return self.of_connections(self.data)

    def of_connections(self, array: np.ndarray) -> np.ndarray:
        """Return the entries that belong to connections, of an array that is aligned with `data`."""
        return array if self.removed is None else array[~self.removed]

    def slots_of(self, ranks: np.ndarray) -> np.ndarray:
        """Turn indices into `values` into slots in `data`, which a `Change` wants."""
        return ranks if self.removed is None else np.flatnonzero(~self.removed)[ranks]

    positions, positions_of = slots, slots_of  # their names in version 0.1, which policies of users may call

    def smallest(self, k: int, scores: np.ndarray | None = None) -> np.ndarray:
        """Return the slots in `data` of the k connections with the smallest magnitudes.

        Parameters
        ----------
        k : int from 0 to n_connections
        scores : float[data.size], optional
            Rank by the magnitudes of these instead of the values.

        Returns
        -------
        int64[k]
            Ascending. Of equal ones the first are taken. O(data.size).
        """
        return self.slots_of(smallest_magnitude(self.of_connections(self.data if scores is None else scores), k))

    def draw_empty(self, n: int, rng: np.random.Generator, drop: ArrayLike = ()) -> np.ndarray:
        """Draw n different empty cells, each set equally likely.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        drop : int64, ascending
            Slots in `data` whose cells count as empty.

        Returns
        -------
        int64[n]
            Cells i * n_out + j, ascending, for `Change.grow`.
        """
        drop = np.asarray(drop, np.int64)
        if not self.is_dense:
            return draw_empty(self.shape, self.indptr, self.indices, drop, n, rng)
        n_in, n_out = self.shape
        slots = self.slots  # of a dense layer its cells too
        indptr = np.searchsorted(slots, np.arange(n_in + 1) * n_out).astype(np.int32)
        return draw_empty(self.shape, indptr, (slots % n_out).astype(np.int32), np.searchsorted(slots, drop), n, rng)

    def steepest(
        self, n: int, drop: ArrayLike = (), *, candidates: int | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Return the cells of the n missing connections whose gradients are largest in magnitude.

        Parameters
        ----------
        n : int
        drop : int64, ascending
            Slots in `data` whose connections count as missing.
        candidates : int, optional
            Look only at so many missing connections, drawn at random; at n if that is more. Default: at all.
        rng : numpy.random.Generator, optional
            For the candidates.

        Returns
        -------
        int64[n]
            Cells i * n_out + j, ascending, for `Change.grow`. Of equal gradients the first are taken.

        Raises
        ------
        TypeError
            If the policy did not ask for "growth_gradient" in this step.
        ValueError
            If so many connections are not missing.
        """
        if self.growth_gradient is None:
            raise TypeError(f"The growth_gradient of layer {self.index} must be asked for: by the policy's `needs`, and by `needs_at`.")
        drop = np.asarray(drop, np.int64)
        n_missing = self.shape[0] * self.shape[1] - self.n_connections + drop.size
        n = checks.integer("n", n, 0, n_missing, fix=f"Layer {self.index} misses {n_missing} connections.")
        if n == 0:
            return np.zeros(0, np.int64)
        if candidates is None:
            return self.growth_gradient.largest(self, n, drop)
        cells = self.draw_empty(min(max(candidates, n), n_missing), rng, drop)  # type: ignore[arg-type]  # given with candidates
        return cells[largest_magnitude(self.growth_gradient.at(cells), n)]

    def sample(self, n: int, rng: np.random.Generator, n_connections: int | None = None) -> np.ndarray:
        """Draw values for n new connections by the layer's initializer.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        n_connections : int, optional
            Connections that the layer will have after the change, which set the scale; default: as many as now.

        Returns
        -------
        float[n] of the layer's dtype

        Raises
        ------
        TypeError
            If the layer has no initializer.
        """
        if self.initializer is None:
            raise TypeError(f"Layer {self.index} must have an initializer to draw new values; got None. Set layer.initializer = sm.He().")
        n_connections = self.n_connections if n_connections is None else n_connections
        return self.initializer.sample(rng, n, *self.shape, n_connections, self.data.dtype)


def _locked(array: np.ndarray | None) -> Any:
    """Return a view that cannot be written to."""
    if array is None:
        return None
    view = array.view()
    view.flags.writeable = False
    return view
