"""What every topology is: a rule that answers which connections one layer has."""

from abc import ABC, abstractmethod

import numpy as np

from ..errors import TopologyError

LARGEST = 2**31 - 1
"""The most units or connections of one layer: indices are int32, as in SciPy."""


class Topology(ABC):
    """The connections that a layer starts from.

    A topology of your own needs one method, `build`. The classes here are frozen dataclasses whose settings are checked
    at construction.

    Attributes
    ----------
    is_dense : bool
        True asks for a full matrix and BLAS (`Dense`), False for stored connections, even when all of them exist.
    whole_net : bool
        True if the setting describes all layers together, so that it cannot be one entry of a list with one per layer.
    values : float[n_connections] or None
        Weights to start from, aligned with the indices of `build`; None: the initializer draws them.
    """

    is_dense = False
    whole_net = False
    values = None

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

    def layers(self, sizes: list[int]) -> list["Topology"]:
        """Return one topology per layer of a net with these numbers of units; most are the same everywhere."""
        return [self] * (len(sizes) - 1)


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
