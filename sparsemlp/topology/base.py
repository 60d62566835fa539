"""What every topology is: a rule that answers which connections one layer has."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..errors import TopologyError
from ..initializers import Initializer
from ..weights.sparse import SparseWeights

LARGEST = 2**31 - 1
"""The most units or connections of one layer: indices are int32, as in SciPy."""


class Topology(ABC):
    """A topology says which connections a layer starts from.

    A topology of your own needs one method, `build`. One that looks at the data it will be trained on says `needs_data = True` and
    answers `fitted` with a topology that knows what it needs, often `Given` or `Weighted(fan_in, scores=...)`. The classes here are
    frozen dataclasses whose settings are checked at construction.

    Attributes
    ----------
    whole_net : bool
        True if the setting describes all layers together, so that it cannot be one entry of a list with one per layer.
    values : float[n_connections] or None
        Weights to start from, aligned with the indices of `build`; None: the initializer draws them.
    needs_data : bool
        True: a net is built with ``data=(X, y)``, and asks `fitted` before `build`.

    Examples
    --------
    Units that see the inputs of the largest variance:

    >>> import sparsemlp as sm
    >>> class Lively(sm.topology.Topology):
    ...     needs_data = True
    ...     def fitted(self, X, y, layer):
    ...         return sm.Weighted(fan_in=8, scores=X.var(axis=0))
    ...     def build(self, n_in, n_out, rng):
    ...         raise sm.TopologyError("Lively must see the data.")
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> sm.MLP([64, 100, 10], topology=[Lively(), sm.Dense()], data=(X, y))
    MLP(64-100-10, 1,800 connections, density 0.243)
    """

    whole_net = False
    values = None
    needs_data = False

    def fitted(self, X: Any, y: Any, layer: int) -> "Topology":
        """Return the topology that these data make of this one; asked once, when a net is built, if `needs_data`.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_samples, n_in of the net]
            Real numbers, not checked for NaN. Not to be changed.
        y : array [n_samples] or [n_samples, n_out], or None
        layer : int
            Which layer it is for, from 0. X are the inputs of layer 0 only.

        Notes
        -----
        Randomness belongs into `build`.
        """
        return self

    @abstractmethod
    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the connections of one layer, in CSR order by input unit (SciPy's CSR of W in ``X @ W``).

        Parameters
        ----------
        n_in, n_out : int
            Units on both sides, 1 to 2**31 - 1.
        rng : numpy.random.Generator
            The only source of randomness: the same state gives the same connections.

        Returns
        -------
        indptr : int32[n_in + 1]
        indices : int32[n_connections]
            Output units, ascending and without repetition within each input unit. Both arrays are new.

        Raises
        ------
        TopologyError
            If the layer cannot have such connections, or more than 2**31 - 1 of them, or none; before anything is allocated.

        Notes
        -----
        Time and memory follow the connections and the units, never n_in * n_out.
        """

    def weights(
        self,
        n_in: int,
        n_out: int,
        initializer: Initializer,
        dtype: Any,
        topology_rng: np.random.Generator,
        weights_rng: np.random.Generator,
    ) -> Any:
        """Return the `SparseWeights` of a layer: the connections of `build`, with `values` or numbers that the initializer draws."""
        indptr, indices = self.build(n_in, n_out, topology_rng)
        given = self.values
        data = initializer.sample(weights_rng, indices.size, n_in, n_out, indices.size, dtype) if given is None else given.astype(dtype)
        return SparseWeights((n_in, n_out), indptr, indices, data)

    def bytes_needed(self, n_in: int, n_out: int, itemsize: int) -> tuple[int, int]:
        """Return (bytes that the weights of a layer will hold, bytes beside them while they are drawn), for the memory limit.

        A topology that cannot tell beforehand how many connections it will make counts as none.
        """
        n = self.expected_connections(n_in, n_out)
        return n * (itemsize + 12), 25 * n

    def expected_connections(self, n_in: int, n_out: int) -> int:
        """Return how many connections `build` will make, as far as that is known before; 0: not known."""
        n, density = getattr(self, "n_connections", None), getattr(self, "density", None)
        if isinstance(n, int):
            return n
        return round(density * (n_in * n_out)) if isinstance(density, float) else 0

    def layers(self, sizes: list[int]) -> list["Topology"]:
        """Return one topology per layer of a net with these numbers of units; most are the same everywhere."""
        return [self] * (len(sizes) - 1)


def require_first(who: Topology, layer: int) -> None:
    """Raise TopologyError if a topology that looks at the net's inputs stands anywhere but in front of them."""
    if layer:
        raise TopologyError(
            f"{who} looks at the net's inputs, so it can only be the first layer's topology; got it for layer {layer}. "
            f"Give one a layer: topology=[{type(who).__name__}(...), RandomExpander(fan_in=40), Dense()]."
        )


def check_units(n_in: int, n_out: int) -> None:
    """Raise TopologyError unless a layer can have so many units."""
    if not (1 <= n_in <= LARGEST and 1 <= n_out <= LARGEST):
        raise TopologyError(f"A layer must have 1 to {LARGEST} units on each side; got {n_in} x {n_out}.")


def check_layer(who: object, n_in: int, n_out: int, n_connections: int) -> None:
    """Raise TopologyError unless a layer of n_in x n_out units can have so many connections; allocates nothing."""
    check_units(n_in, n_out)
    if n_connections < 1:
        raise TopologyError(
            f"{who} gives a layer of {n_in} x {n_out} units no connection, so it would pass nothing on. "
            f"Ask for at least 1 of its {n_in * n_out} possible connections (density {1 / (n_in * n_out):.2g})."
        )
    if n_connections > LARGEST:
        raise TopologyError(
            f"A layer can have at most {LARGEST} connections (int32 indices); {who} gives {n_in} x {n_out} units {n_connections}. "
            "Lower the density or the widths."
        )
    if n_connections > n_in * n_out:
        raise TopologyError(f"{n_in} x {n_out} units have room for {n_in * n_out} connections; {who} asks for {n_connections}.")
