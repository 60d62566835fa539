"""`Static`: the topology stays as it was drawn."""

from dataclasses import dataclass

from .base import Policy


@dataclass(frozen=True)
class Static(Policy):
    """Never change the topology: train the sparse net that the topology gave.

    Examples
    --------
    >>> Static().between_epochs(None, None, None, None)
    (None, None)
    """
