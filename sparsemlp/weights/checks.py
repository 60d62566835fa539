"""What every array of a layer must be before a kernel may take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..errors import TopologyError

INDEX_LIMIT = 2**31 - 1
TAKEN_OVER: Any = ("C", "W", "A")  # arrays in C order, writable and aligned are used as they are, others copied


def checked_index(shape: tuple[int, int], indptr: ArrayLike, indices: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return int32 copies (or the arrays themselves) of a canonical CSR structure, or raise TopologyError."""
    n_in, n_out = shape
    indptr, indices = np.asarray(indptr), np.asarray(indices)
    if max(n_in, n_out, indices.size) > INDEX_LIMIT:
        raise TopologyError(f"A layer holds at most 2**31 - 1 units or connections; got {n_in} x {n_out} with {indices.size} connections.")
    if min(n_in, n_out) < 1:
        raise TopologyError(f"A layer needs at least one input and one output unit; got shape {shape}.")
    for name, a in (("indptr", indptr), ("indices", indices)):
        if a.ndim != 1 or a.dtype.kind not in "iu":
            raise TopologyError(f"{name} must be a 1-D integer array; got {a.dtype}{list(a.shape)}.")
    if indptr.size != n_in + 1 or indptr[0] != 0 or indptr[-1] != indices.size or (np.diff(indptr.astype(np.int64)) < 0).any():
        raise TopologyError(f"indptr must rise from 0 to the {indices.size} connections in n_in + 1 = {n_in + 1} steps; got {indptr!r}.")
    if indices.size:
        if indices.min() < 0 or indices.max() >= n_out:
            raise TopologyError(f"Output units must be from 0 to {n_out - 1}; got {indices.min()} to {indices.max()}.")
        falls = np.flatnonzero(indices[1:] <= indices[:-1]) + 1
        starts = indptr[1:-1]
        inside = falls[~np.isin(falls, starts)]
        if inside.size:
            row = int(np.searchsorted(indptr, inside[0], side="right")) - 1
            raise TopologyError(
                f"Input unit {row} holds output {indices[inside[0] - 1]} before {indices[inside[0]]}: sorted and unique is the rule. "
                "scipy's sum_duplicates() puts a matrix in this form."
            )
    return np.require(indptr, np.int32, TAKEN_OVER), np.require(indices, np.int32, TAKEN_OVER)


class _Index:
    """Shows an array of the index as a view that cannot be written to: kernels trust it, so nobody but `apply_change` rewrites it."""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, weights: Any, owner: Any = None) -> Any:
        if weights is None:
            return self
        view = getattr(weights, f"_{self.name}").view()
        view.flags.writeable = False
        return view

    def __set__(self, weights: Any, value: Any) -> None:
        raise TopologyError(
            f"{self.name} cannot be replaced: apply_change(weights, Change(drop=..., grow=...)) changes which connections exist, "
            "SparseWeights(shape, indptr, indices, data) makes other ones."
        )


class Restored:
    """Objects of this kind own their arrays: one that is unpickled with arrays it cannot write to (joblib's memory maps) copies them."""

    def __setstate__(self, state: dict) -> None:
        for name, value in state.items():
            own = isinstance(value, np.ndarray)
            self.__dict__[name] = np.require(value, requirements=(*TAKEN_OVER, "E")) if own else value


def require_array(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise TopologyError unless `array` is one that a kernel may take: of this shape and dtype, in C order, writable, aligned. O(1)."""
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        got = f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
        raise TopologyError(f"{name} must be an array {np.dtype(dtype)}{list(shape)}; got {got}. Write into the old one: name[...] = x.")
    if not array.flags.carray:
        raise TopologyError(f"{name} must be in C order, aligned and writable; np.require(array, requirements='CAW') makes such a copy.")


def require_state(name: str, state: Any, values: np.ndarray) -> None:
    """Do what `require_array` does, for float[k, len(values)] of an optimizer, whatever k is."""
    rows = state.shape[0] if isinstance(state, np.ndarray) and state.ndim else 0
    require_array(name, state, (rows, values.size), values.dtype)


def field(content: dict, name: str) -> Any:
    """Return an entry of what `to_dict` returned, or raise TopologyError if it is not there: files may be damaged."""
    if name not in content:
        raise TopologyError(f"it says nothing about {name!r}.")
    return content[name]


def stored(content: dict, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of what `to_dict` returned, finite and of this dtype and shape, or raise TopologyError."""
    array = field(content, name)
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        got = f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else repr(array)[:80]
        raise TopologyError(f"{name} must be {np.dtype(dtype)}{list(shape)}; got {got}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise TopologyError(f"{name} holds NaN or infinity.")
    return array


def stored_state(content: dict, name: str, values: np.ndarray) -> np.ndarray:
    """Return what `stored` returns, for float[k, len(values)] of an optimizer, whatever k is up to 16."""
    state = field(content, name)
    rows = len(state) if isinstance(state, np.ndarray) and state.ndim else 0
    if rows > 16:
        raise TopologyError(f"{name} must have at most 16 rows; got {rows}.")
    return stored(content, name, values.dtype, (rows, values.size))


def stored_shape(content: dict) -> Any:
    """Return (n_in, n_out) of what `to_dict` of weights returned."""
    return tuple(checks.integer(name, field(content, name), 1, INDEX_LIMIT) for name in ("n_in", "n_out"))
