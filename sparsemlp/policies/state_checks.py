"""Checks of a policy's state that comes from a file: which entries it has, of which kind, length and range."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .view import LayerView

MAX = float(np.finfo(np.float64).max)  # for numbers that must be finite


@dataclass(frozen=True)
class Number:
    """Describes an entry that is one number.

    Parameters
    ----------
    kind : type
        int, float or bool.
    low, high : number
        Both included; NaN is never inside.
    """

    kind: type
    low: float = -np.inf
    high: float = np.inf

    def fault(self, value: Any) -> str | None:
        """Return what the entry must be, if `value` is not that; else None."""
        good = {int: (int, np.integer), float: (float, np.floating), bool: (bool, np.bool_)}[self.kind]
        flag = isinstance(value, (bool, np.bool_))
        if isinstance(value, good) and flag == (self.kind is bool) and self.low <= value <= self.high:
            return None
        return f"{self.kind.__name__} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Array:
    """Describes an entry that is an array.

    Parameters
    ----------
    dtype : dtype
    shape : tuple of int; None stands for any length
    low, high : number
        The bounds of its content, both included; no NaN is inside.
    """

    dtype: Any
    shape: tuple
    low: float = -np.inf
    high: float = np.inf

    def fault(self, value: Any) -> str | None:
        """Return what the entry must be, if `value` is not that; else None."""
        good = isinstance(value, np.ndarray) and value.dtype == self.dtype and value.ndim == len(self.shape)
        good = good and all(want in (None, got) for want, got in zip(self.shape, value.shape, strict=True))
        if good and (value.size == 0 or (value.min() >= self.low and value.max() <= self.high)):
            return None
        return f"{np.dtype(self.dtype)}{list(self.shape)} from {self.low:g} to {self.high:g}"


def check_entries(policy: Any, view: LayerView, state: Any, **rules: Any) -> None:
    """Raise CheckpointError unless `state` is a dict with these entries and no others.

    Parameters
    ----------
    policy : Policy
    view : LayerView
    state : object
    rules : Number or Array, by the name of the entry

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> check_entries(None, SimpleNamespace(index=0), {"n": 3}, n=Number(int, 0))
    >>> check_entries(None, SimpleNamespace(index=0), {"n": -3}, n=Number(int, 0))
    Traceback (most recent call last):
    sparsemlp.errors.CheckpointError: the state of NoneType of layer 0 must have n: int from 0 to inf; got -3.
    """
    where = f"the state of {type(policy).__name__} of layer {view.index}"
    if not isinstance(state, dict) or set(state) != set(rules):
        raise CheckpointError(f"{where} must be a dict of {', '.join(rules)}; got {state!r:.80}.")
    for name, rule in rules.items():
        fault = rule.fault(state[name])
        if fault is not None:
            raise CheckpointError(f"{where} must have {name}: {fault}; got {state[name]!r:.80}.")
