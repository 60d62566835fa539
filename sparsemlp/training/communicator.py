"""How processes that train one network together talk: `Communicator`, and `Serial` for one process alone."""

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Communicator(Protocol):
    """What the training code asks of its processes; it is the same with one.

    Each process holds the whole network and all data, takes its share of every batch, and ends each step with the same bits as the
    others: gradients are added up, policies decide from the same seed and the same numbers.

    Attributes
    ----------
    rank : int
        This process, from 0 to size - 1.
    size : int
        How many there are.
    """

    rank: int
    size: int

    def allreduce(self, array: np.ndarray) -> None:
        """Replace the array, in place, by its sum over all ranks: the same bits on each of them."""

    def broadcast(self, array: np.ndarray) -> None:
        """Replace the array, in place, by that of rank 0."""

    def barrier(self) -> None:
        """Wait until every rank is here."""


class Serial:
    """One process alone: nothing to reduce, nobody to wait for.

    Examples
    --------
    >>> a = np.ones(2)
    >>> Serial().allreduce(a)
    >>> a, Serial().size
    (array([1., 1.]), 1)
    """

    rank, size = 0, 1

    def allreduce(self, array: np.ndarray) -> None:
        """Leave the array as it is."""

    def broadcast(self, array: np.ndarray) -> None:
        """Leave the array as it is."""

    def barrier(self) -> None:
        """Return at once."""


def share(n: int, rank: int, size: int) -> slice:
    """The contiguous part of n samples that a rank takes.

    Examples
    --------
    >>> [share(10, rank, 4) for rank in range(4)]
    [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    """
    return slice(n * rank // size, n * (rank + 1) // size)
