"""User data at the edge of the engine: checked once, then brought into tiles batch by batch."""

from __future__ import annotations

import numbers
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ..weights.scipy_input import checked_csr

if TYPE_CHECKING:
    from ..losses import Loss
    from ..models.network import Network
    from .plan import Plan


NATIVE = frozenset(map(np.dtype, ("f4", "f8", "u1", "i1", "i2", "u2", "i4", "u4", "i8")))  # of this machine's byte order
LARGE = 256 * 2**20  # bytes of data on disk or elsewhere that are read into memory without a word
CHECK_ROWS = 4096  # rows whose finiteness is tested at a time, so that no mask of the size of X is made


class Rows:
    """Reads a matrix of samples row by row.

    Parameters
    ----------
    X : array of real numbers [n_samples, n_features] or scipy sparse matrix
        C-ordered arrays of common dtypes are read in place; others are converted one batch at a time. Sparse matrices are never
        made dense as a whole.
    n_features : int
        How many inputs the network takes.
    name : str
        What error messages call the matrix.
    finite : bool
        Whether to look for NaN and infinity.
    dtype : numpy dtype, optional
        The network's: numbers that are finite in X and infinite there are an error too.

    Raises
    ------
    ValueError
        If the shape is wrong, there are no rows, or some number is NaN or infinite.
    TypeError
        If the matrix is not numeric.
    """

    def __init__(self, X: Any, n_features: int, name: str = "X", *, finite: bool = True, dtype: Any = None) -> None:
        self.sparse = sp.issparse(X)
        if self.sparse:
            X = checked_csr(X, name) if X.ndim == 2 else X.toarray()
        else:
            X = as_array(X, name)
            if X.dtype == bool:
                X = X.view(np.uint8)
        if X.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold real numbers; got dtype {X.dtype}. Encode text and categories as numbers first.")
        if X.ndim != 2:
            fix = " X.reshape(len(X), -1) makes rows of images." if X.ndim > 2 else " One sample is X[None, :]."
            raise ValueError(f"{name} must be 2-D (samples, features); got shape {X.shape}.{fix}")
        if X.shape[1] != n_features:
            fix = " Pass X.T for features-first data." if X.shape[0] == n_features else ""
            raise ValueError(f"{name} must have {n_features} features, the network's inputs; got shape {X.shape}.{fix}")
        if X.shape[0] == 0:
            raise ValueError(f"{name} must have at least one row; got shape {X.shape}.")
        if finite:
            _check_finite(X.data if self.sparse else X, name, dtype)
        if self.sparse and X.data.dtype.name not in ("float32", "float64"):
            X = X.astype(np.float32 if X.data.dtype.itemsize < 4 else np.float64)
        self.X = X
        self.n_samples, self.n_features = X.shape
        self._in_place = self.sparse or (X.flags.c_contiguous and X.flags.aligned and X.dtype in NATIVE)
        self._buffer: Any = None

    def __len__(self) -> int:
        return self.n_samples

    def fill(self, plan: Plan, rows: np.ndarray) -> None:
        """Bring the samples `rows` : int64[n_batch] into the plan's input tiles."""
        x, context = plan.inputs, plan.context
        if self.sparse:
            from ..kernels import tiles

            tiles.csr_to_tiles(context.w, _locked(self.X.data), _locked(self.X.indices), _locked(self.X.indptr), rows, x)
            return
        X = self.X
        if not self._in_place:
            if self._buffer is None or len(self._buffer) < rows.size:
                self._buffer = np.empty((rows.size, self.n_features), x.dtype)
            X = self._buffer[: rows.size]
            X[...] = self.X[rows]
            rows = plan.rows
        plan.to_tiles(context.w, context.n_threads, context.square, _locked(X), rows, x, plan.offsets)


def as_array(values: Any, name: str) -> np.ndarray:
    """Return np.asarray(values), or raise if they are a masked array that hides some: those would be trained on."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} must have no masked entries; got {np.ma.count_masked(values)}. Fill them, x.filled(value), or drop such rows."
        )
    if not isinstance(values, np.ndarray) and not sp.issparse(values):
        _look_before_reading(values, name)
    array = np.asarray(values)
    if array.dtype == object and array.size and isinstance(array.reshape(-1)[0], numbers.Real):
        try:  # columns of numbers with pandas' nullable types, or numbers in an object array
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            return array
    return array


def _look_before_reading(values: Any, name: str) -> None:
    """Refuse what is no array but gives batches one by one, and say so before much is read into memory."""
    given = hasattr(values, "__array__") or isinstance(values, (list, tuple)) or hasattr(values, "shape")
    if hasattr(values, "__next__") or (not given and hasattr(values, "__iter__")):
        raise TypeError(
            f"{name} must be an array with all samples; got {type(values).__name__}, which gives them batch by batch. "
            "Use trainer.train_step(X, y) on each batch, or the estimators' partial_fit."
        )
    if not given and hasattr(values, "__getitem__") and hasattr(values, "__len__"):
        raise TypeError(
            f"{name} must be an array with all samples; got {type(values).__name__}, which gives one after the other. "
            "Stack them into an array, or use trainer.train_step(X, y) on each batch."
        )
    n_bytes = getattr(values, "nbytes", 0)
    elsewhere = type(values).__module__.split(".")[0] in ("h5py", "zarr", "dask")
    if elsewhere and isinstance(n_bytes, int) and n_bytes > LARGE:
        warnings.warn(
            f"{name} is a {type(values).__name__} of {n_bytes / 1e9:.2g} GB that is read into memory as a whole. A np.memmap is read "
            "batch by batch; trainer.train_step(X, y) takes batches.",
            stacklevel=4,
        )


def _locked(array: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written to: one compiled kernel serves arrays of users who locked theirs and of those who did not."""
    view = array.view()
    view.flags.writeable = False
    return view


def _check_finite(values: np.ndarray, name: str, dtype: Any = None) -> None:
    if values.dtype.kind != "f":
        return
    narrow = dtype is not None and np.dtype(dtype).itemsize < values.dtype.itemsize
    most = float(np.finfo(dtype).max) if narrow else np.inf
    for start in range(0, len(values), CHECK_ROWS):
        part = values[start : start + CHECK_ROWS]
        bad = ~np.isfinite(part)
        if bad.any():
            where = f"row {start + int(np.argwhere(bad)[0, 0])}" if values.ndim == 2 else "its values"
            raise ValueError(f"{name} must be finite; it holds NaN or infinity in {where}. Impute or drop such rows first.")
        if narrow and (bad := np.abs(part) > most).any():
            where = f"row {start + int(np.argwhere(bad)[0, 0])}" if values.ndim == 2 else "its values"
            found = f"{name} must be finite in {np.dtype(dtype)}; it holds {part[bad].flat[0]:.3g} in {where}."
            raise ValueError(f"{found} Scale the data, or use dtype='float64'.")


def check_sample_weight(sample_weight: ArrayLike | None, n: int) -> np.ndarray | None:
    """Return float64[n] of non-negative finite weights with a positive sum, or raise an error."""
    if sample_weight is None:
        return None
    w = np.asarray(sample_weight, np.float64)
    if w.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), one weight a sample; got {w.shape}.")
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise ValueError("sample_weight must be finite, not negative, and positive for some sample.")
    return w


class Batch:
    """Holds some samples and the plan that works on them; `Step.batch` makes it, and it is valid until the plan's next batch.

    Attributes
    ----------
    plan : Plan
    source : Rows
    rows : int64[n]
        Which samples of the source these are.
    targets : int64[n] class indices; or float[n_samples, n_out], of which `rows` are taken
    first : int
        The place of the first sample in the global batch.
    """

    __slots__ = ("first", "plan", "rows", "source", "targets")

    def __init__(self, plan: Plan, source: Rows, rows: np.ndarray, targets: np.ndarray, first: int = 0) -> None:
        self.plan, self.source, self.rows, self.targets, self.first = plan, source, rows, targets, first

    inputs = property(lambda self: self.plan.inputs, doc="float[tiles, n_in, lanes], after the forward pass")
    outputs = property(lambda self: self.plan.outputs, doc="float[tiles, n_out, lanes], of the last layer")
    output_gradient = property(lambda self: self.plan.output_gradient, doc="float[tiles, n_out, lanes], at the last layer's sums")


class StepTargets:
    """Holds the targets of a single batch, checked for shape, dtype and range only; they are copied first, because kernels index by them.

    Parameters
    ----------
    y : integer[n] class indices, or float[n, n_out]
    n : int
    network : Network
    loss : Loss
    """

    def __init__(self, y: Any, n: int, network: Network, loss: Loss) -> None:
        self.classes = loss.targets == "classes"
        if self.classes:
            self.values = check_index_targets(y, n, network.n_out)
            return
        y = np.array(y, network.dtype)
        if y.ndim not in (1, 2) or len(y) != n:
            raise ValueError(f"y must have one entry for each of the {n} rows of X; got shape {y.shape}.")
        self.values = np.ascontiguousarray(y.reshape(n, -1))
        if self.values.shape[1] != network.n_out:
            raise ValueError(f"y must have {network.n_out} columns, the network's outputs; got {self.values.shape[1]}.")

    def of(self, plan: Plan, rows: np.ndarray) -> np.ndarray:
        """Return what `Loss.run` takes for these rows."""
        return self.values


class Targets:
    """Holds the targets of one data set as the loss wants them.

    Attributes
    ----------
    values : int64[n] class indices (softmax), or float[n, n_out]
    classes : array[n_classes] or None
        What `predict` returns, by class index.

    Raises
    ------
    ValueError
        If the shape is wrong, there are labels that the network has not learned or more or fewer classes than outputs, or numbers are
        NaN or outside of the loss's interval.
    """

    def __init__(self, y: Any, n_samples: int, network: Network, loss: Loss, name: str = "y") -> None:
        y = y.toarray() if sp.issparse(y) else as_array(y, name)
        if len(y.shape) not in (1, 2) or y.shape[0] != n_samples:
            raise ValueError(f"{name} must have one entry for each of the {n_samples} rows of X; got shape {y.shape}.")
        n_out = network.n_out
        self.classes = network.classes
        if y.ndim == 2 and y.shape[1] == 1 and n_out != 1:
            y = y[:, 0]
        self.indices = loss.targets == "classes"
        if self.indices:
            self.values = self._class_indices(y, n_out, name)
        elif (
            loss.targets == "numbers" and network.output == "sigmoid" and n_out == 1 and (self.classes is not None or _are_labels(y, loss))
        ):
            self.values = self._class_indices(y.reshape(-1), 2, name).astype(network.dtype)[:, None]
        else:
            self.values = self._numbers(y, n_out, network, loss, name)

    def of(self, plan: Plan, rows: np.ndarray) -> np.ndarray:
        """Return what `Loss.run` takes for these rows: class indices one a sample, or all numbers."""
        return np.take(self.values, rows, out=plan.labels, mode="clip") if self.indices else self.values

    def _numbers(self, y: Any, n_out: int, network: Network, loss: Loss, name: str) -> np.ndarray:
        y = y.reshape(len(y), -1)
        if y.dtype.kind not in "fiub":
            raise ValueError(f"{name} must hold numbers for output={network.output!r}; got dtype {y.dtype}.")
        if y.shape[1] != n_out:
            raise ValueError(f"{name} must have {n_out} columns, the network's outputs; got {y.shape[1]}.")
        _check_finite(y, name, network.dtype)
        if loss.interval is not None and (y.min() < loss.interval[0] or y.max() > loss.interval[1]):
            low, high = loss.interval
            raise ValueError(f"{name} must be in [{low:g}, {high:g}] for {loss.name}; got values from {y.min()} to {y.max()}.")
        return np.ascontiguousarray(y, network.dtype)

    def _class_indices(self, y: Any, n_classes: int, name: str) -> np.ndarray:
        if y.ndim == 2:
            if y.shape[1] != n_classes:
                raise ValueError(f"One-hot {name} must have {n_classes} columns, the network's outputs; got {y.shape[1]}.")
            if y.dtype.kind not in "fiub" or not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()):
                raise ValueError(f"2-D {name} must be one-hot: a single 1 in each row, else 0.")
            if self.classes is None:
                self.classes = np.arange(n_classes)
            return np.ascontiguousarray(y.argmax(axis=1), np.int64)
        if y.dtype.kind == "f" and not (np.isfinite(y).all() and (y == np.round(y)).all()):
            raise ValueError(f"{name} must hold class labels; got fractions or NaN. For regression use output='identity', loss='mse'.")
        try:
            found = np.unique(y)
        except TypeError as error:
            raise ValueError(f"{name} must hold labels of one kind, numbers or strings; got a mixture: {_some(y)}.") from error
        if self.classes is None:
            if found.dtype.kind in "iufb" and found[0] >= 0 and found[-1] < n_classes:
                self.classes = np.arange(n_classes)
            elif found.size == n_classes:
                self.classes = found
            else:
                raise ValueError(
                    f"{name} must hold {n_classes} classes, the network's outputs; got {found.size}: {_some(found)}. "
                    "Change the last layer's width, or number the classes from 0."
                )
        known = np.isin(found, self.classes)
        if not known.all():
            raise ValueError(f"{name} holds labels the network does not know: {_some(found[~known])}. It knows {_some(self.classes)}.")
        order = np.argsort(self.classes, kind="stable")
        return np.ascontiguousarray(order[np.searchsorted(self.classes, y, sorter=order)], np.int64)


def _are_labels(y: Any, loss: Loss) -> bool:
    """Return whether targets of one sigmoid output are two labels, such as strings or -1 and 1, not numbers from 0 to 1."""
    return y.dtype.kind in "OSUb" or (loss.interval is not None and y.dtype.kind in "iu" and (y.min() < 0 or y.max() > 1))


def _some(values: Any) -> str:
    shown = ", ".join(map(repr, values[:6].tolist()))
    return shown + (", ..." if len(values) > 6 else "")


def check_index_targets(y: Any, n: int, n_out: int) -> np.ndarray:
    """Return int64[n] class indices for one step: shape and dtype are checked, and the range, because kernels index by them."""
    y = np.asarray(y)
    if y.shape != (n,) or y.dtype.kind not in "iu":
        raise ValueError(f"train_step takes y as {n} class indices, integers from 0 to {n_out - 1}; got {y.dtype}{list(y.shape)}.")
    y = np.array(y, np.int64)  # a copy: the caller may refill its buffer while kernels index by it
    if np.maximum.reduce(y.view(np.uint64)) >= n_out:  # negative ones are huge there: one pass over the batch
        raise ValueError(f"Class indices must be from 0 to {n_out - 1}; got {y.min()} to {y.max()}.")
    return y
