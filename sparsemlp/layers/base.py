"""What a layer is: `Layer`, its `Parameter`s, its `Epilogue`, and the `Call`s that a plan is made of.

A network is a chain of layers, and nothing outside this folder asks which. A layer of your own subclasses `Layer`, defines `forward`
and `backward` over batch tiles, and works in training, saving, reports and prediction; `docs/adding_a_layer.md` shows one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.codes import Activation, Ints, Reals
from ..weights.checks import TAKEN_OVER, Restored, require_array, require_state

if TYPE_CHECKING:
    from ..engine.context import Context

KEEP_ALL = 2**32 - 1
CODES = {a.name.lower(): int(a) for a in Activation}


class Call:
    """A call is a function with its arguments, built once and run in every step.

    Parameters
    ----------
    function : callable
    *args
        Arrays are shared, not copied: what changes from step to step lives in them.
    scratch : sequence of arrays
        Memory that this call alone uses, for `Plan.nbytes`.

    Examples
    --------
    >>> out = np.zeros(2)
    >>> Call(np.add, np.ones(2), 1, out).run()
    >>> out
    array([2., 2.])
    """

    __slots__ = ("args", "function", "scratch")

    def __init__(self, function: Callable[..., object], *args: Any, scratch: tuple[np.ndarray, ...] = ()) -> None:
        self.function, self.args, self.scratch = function, args, scratch

    def run(self) -> None:
        """Run the function."""
        self.function(*self.args)


class Parameter(Restored):
    """A parameter is an array that is trained, with its optimizer state.

    Parameters
    ----------
    name : str
    data : float32 or float64 [n]
        Taken over, not copied. Flat: a layer that thinks of it in another shape makes views.
    decays : bool
        Whether weight decay applies. Weights decay; biases, scales and shifts do not.

    Attributes
    ----------
    state : float[k, n]
        The optimizer's, k rows by its rule.

    Notes
    -----
    `SparseWeights` and `DenseWeights` are parameters too: they have the same attributes and methods.
    """

    def __init__(self, name: str, data: np.ndarray, decays: bool = False) -> None:
        self.name, self.decays = name, decays
        self.data = np.require(data, requirements=TAKEN_OVER)
        self._shape, self._dtype = data.shape, data.dtype
        self.state = np.zeros((0, self.data.size), self.data.dtype)

    def arrays(self) -> tuple:
        """Return what a user can replace: compared by identity before every step."""
        return self.data, self.state

    def allocate_state(self, k: int) -> None:
        """Make the optimizer's state k rows of zeros, unless it has k rows already."""
        if self.state.shape[0] != k:
            self.state = np.zeros((k, self.data.size), self.data.dtype)

    def clear_removed(self) -> None:
        """Do nothing: nothing of this parameter can be masked out. See `DenseWeights.clear_removed`."""

    def require_sound(self, where: str) -> None:
        """Raise TopologyError unless kernels may take these arrays; `where` begins the message."""
        require_array(where, self.data, self._shape, self._dtype)
        require_state(f"{where}_state", self.state, self.data)

    @property
    def n_connections(self) -> int:
        """How many numbers it has."""
        return self.data.size


@dataclass(frozen=True)
class Epilogue:
    """Says what happens to a layer's sums before the next layer sees them: activation, then dropout.

    Parameters
    ----------
    activation : {"identity", "relu", "leaky_relu", "sigmoid", "tanh"}
    slope : float
        What a leaky ReLU multiplies negative sums by.
    dropout : float in [0, 1)
        The share of outputs that training sets to 0.
    """

    activation: str = "identity"
    slope: float = 0.0
    dropout: float = 0.0

    def arrays(self, dtype: Any, *, training: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return `ints` : int64[4] and `reals` : float[3], as kernels take them, in the order of `codes.Ints` and `codes.Reals`."""
        dropout = self.dropout if training else 0.0
        ints, reals = np.zeros(len(Ints), np.int64), np.zeros(len(Reals), dtype)
        # a leaky ReLU of slope 0 is a ReLU: its output no longer tells which sums were negative
        flat = self.activation == "leaky_relu" and self.slope == 0
        ints[Ints.ACTIVATION] = Activation.RELU if flat else CODES[self.activation]
        ints[Ints.THRESHOLD] = int((1 - dropout) * KEEP_ALL) if dropout else 0
        reals[Reals.SLOPE], reals[Reals.SCALE], reals[Reals.KEEP] = self.slope, 1 / (1 - dropout), 1 - dropout
        return ints, reals


NOTHING = Epilogue()


@dataclass
class Sink:
    """Says where a layer's backward pass leaves what it finds.

    Attributes
    ----------
    gradients : list of float[n], one a parameter
        To be filled, for a layer that does not fuse its update. Their update follows.
    sums : float[n_out]
        Of a layer with an epilogue: the gradient of its bias, filled before its backward pass begins.
    rule : int
        For a layer that fuses its update (`fuses_update`): of `codes.Rule`.
    hypers : list of float[N_HYPER], one a parameter
    states : list of float[k, n], one a parameter
        The optimizer's, or where the rule GRADIENT writes.
    below : tuple (ints, reals, sums)
        For a layer that fuses the epilogue of the layer below (`fuses_epilogue`): that epilogue's arrays, and float[n_in] for the sums
        of dx.
    """

    gradients: list
    sums: np.ndarray
    rule: int = 0
    hypers: list = field(default_factory=list)
    states: list = field(default_factory=list)
    below: tuple = ()


class Layer(Restored):
    """A layer makes the values of n_out units from those of n_in units.

    A subclass defines `forward` and `backward`; the rest has defaults that fit a layer without parameters.

    Attributes
    ----------
    n_in, n_out : int
        Units, flat.
    dtype : numpy dtype or None
        The parameters'; None for a layer that takes any.
    in_shape, out_shape : tuple of int
        How the units are arranged: (channels, height, width) for images, else (units,).
    weights : SparseWeights, DenseWeights or None
        What topologies, policies and pruning look at. `Network.weighted` yields the layers that have some.
    buffers : dict of str to array
        What is saved and not trained, such as running statistics.
    applies_epilogue : bool, a class attribute
        Whether `forward` applies activation and dropout of its epilogue. Otherwise the plan appends the dropout, and the activation must
        be "identity".
    fuses_epilogue : bool, a class attribute
        Whether `backward` finishes the layer below: applies its activation's derivative and dropout to dx, and sums dx up for its bias.
        Otherwise the plan appends a kernel that does.
    fuses_update : bool, a class attribute
        Whether `backward` updates the parameters itself. Otherwise it fills `sink.gradients`, and the update follows.
    needs_output : bool, a class attribute
        Whether `backward` reads y. Otherwise the layer above may write its gradient over it.
    """

    n_in: int
    n_out: int
    dtype: Any = None
    weights: Any = None
    applies_epilogue = False
    fuses_epilogue = False
    fuses_update = False
    needs_output = False
    initializer: Any = None

    # ---- what it computes ----
    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """Return the call that fills y from x.

        Parameters
        ----------
        ctx : Context
            `ctx.n` samples; lanes beyond them in the last tile are zero in x, and may hold anything in y unless x is needed there.
            `ctx.keep(self, name, shape)` is memory that forward and backward of one plan share.
        x : float[tiles, n_in, lanes]
        y : float[tiles, n_out, lanes], overwritten
        epilogue : (ints, reals)
            Of this layer's outputs; for layers whose `epilogue` is not None.
        training : bool
            False: for prediction.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(ctx, x, y, epilogue, *, training).")

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """Return the call that fills dx, and `sink.gradients`, from dy.

        Parameters
        ----------
        x, y : float[tiles, units, lanes]
            As `forward` had them; y only if `needs_output`, else it may be overwritten by dy.
        dy : float[tiles, n_out, lanes]
            The gradient of the loss at this layer's sums: the epilogue is undone already. 0 in the lanes beyond the batch.
        dx : float[tiles, n_in, lanes], overwritten
            The gradient at x. It has no tiles for the first layer of a net: nothing is wanted there. May be x where `in_place` allows it.
        sink : Sink
        """
        raise NotImplementedError(f"{type(self).__name__} must define backward(ctx, x, y, dy, dx, sink).")

    def epilogue(self) -> Epilogue | None:
        """Return activation and dropout of its outputs; None for a layer that has neither, and no bias that is summed up with them."""
        return None

    def in_place(self, lane_bytes: int) -> bool:
        """Return whether `backward` may be given x for dx, with lanes of so many bytes."""
        return False

    def missing_gradients(self, ctx: Context, x: np.ndarray, dy: np.ndarray) -> Any:
        """Return what finds gradients of connections that do not exist, from `backward`'s x and dy; for layers with sparse weights."""
        from ..policies.missing_gradients import TiledGrowth

        return TiledGrowth(ctx.w, ctx.n_threads, x, dy)

    # ---- what it holds ----
    def parameters(self) -> list:
        """Return the `Parameter`s, weights first; empty for a layer that learns nothing."""
        return [] if self.weights is None else [self.weights]

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        return {}

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.n_in,)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.n_out,)

    @property
    def n_parameters(self) -> int:
        """Numbers that are trained; removed connections do not count."""
        return sum(p.n_connections for p in self.parameters())

    @property
    def uses_blas(self) -> bool:
        """Whether it multiplies by BLAS, whose threads are not ours."""
        return False

    def arrays(self) -> tuple:
        """Return what users can replace: compared by identity before every step, so that nobody trains arrays that are no longer here."""
        return tuple(a for p in self.parameters() for a in p.arrays()) + tuple(self.buffers.values())

    def allocate_state(self, k: int) -> None:
        """Give every parameter k rows of optimizer state, zeros unless it has k rows already."""
        for p in self.parameters():
            p.allocate_state(k)

    def require_sound(self, where: str = "layer") -> None:
        """Raise TopologyError unless kernels may take this layer's arrays. O(1); `where` begins the message."""
        for p in self.parameters():
            p.require_sound(f"{where}.{p.name}")
        for name, array in self.buffers.items():
            require_array(f"{where}.{name}", array, array.shape, array.dtype)

    def nbytes(self) -> dict[str, int]:
        """Return bytes by purpose: those of the weights; under "bias" those of all other parameters, of their state and of the buffers."""
        found = {"values": 0, "indices": 0, "transposed_index": 0, "optimizer_state": 0}
        if self.weights is not None:
            found = self.weights.nbytes()
        other = sum(p.data.nbytes + p.state.nbytes for p in self.parameters() if p is not self.weights)
        return {**found, "bias": other + sum(b.nbytes for b in self.buffers.values())}

    # ---- what reports and surgery ask ----
    def reached(self, units: np.ndarray) -> np.ndarray:
        """Return bool[n_out]: the output units that depend on one of the input units that `units` : bool[n_in] marks."""
        return np.full(self.n_out, units.any())

    def needed(self, units: np.ndarray) -> np.ndarray:
        """Return bool[n_in]: the input units on which one of the output units depends that `units` : bool[n_out] marks."""
        return np.full(self.n_in, units.any())

    def multiplications(self) -> int:
        """Return multiplications of one inference of one sample: weights times the places they are used in."""
        return 0 if self.weights is None else self.weights.n_connections

    def for_prediction(self) -> Layer:
        """Return a copy of this layer without what only training needs; shares no memory with it."""
        return type(self).from_dict(self.to_dict())

    def fresh(self, weights: Any) -> Layer:
        """Return a layer like this one on these weights, with everything else that is trained as at first; None where it has no weights."""
        if self.parameters():
            raise TypeError(f"{type(self).__name__} cannot be started again: it must define fresh(weights).")
        return copy.deepcopy(self)

    def describe(self) -> dict[str, str]:
        """Return what a summary says of it: "shape" and, where there is more to say, "kind"."""
        arrows = " x ".join(map(str, self.in_shape)), " x ".join(map(str, self.out_shape))
        return {"kind": type(self).__name__, "shape": " -> ".join(arrows)}

    # ---- saving ----
    def to_dict(self) -> dict:
        """Return everything that `from_dict` needs, as numbers, text, lists, dicts and arrays."""
        raise TypeError(f"{type(self).__name__} cannot be saved or copied: it must define to_dict() and from_dict(content).")

    @classmethod
    def from_dict(cls, content: dict) -> Layer:
        """Return a layer from what `to_dict` returned. It raises ValueError if the content cannot be one's: files may be hostile."""
        raise TypeError(f"{cls.__name__} cannot be loaded: it must define to_dict() and from_dict(content).")
