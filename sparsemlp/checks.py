"""Argument checks with one wording: the rule, the value got, the likely fix."""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

PIECE = 1 << 20  # elements


def _raise(name: str, rule: str, value: Any, fix: str) -> None:
    raise ValueError(f"{name} must be {rule}; got {value!r}." + (f" {fix}" if fix else ""))


def real(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False, open_high: bool = False, fix: str = ""
) -> float:
    """Return `value` as a float within the bounds, or raise ValueError (TypeError if it is no real number)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number; got {value!r} ({type(value).__name__}).")
    inside = (low < value if open_low else low <= value) and (value < high if open_high else value <= high)
    if not inside or math.isnan(value) or math.isinf(value):
        left, right = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
        _raise(name, f"in {left}{low:g}, {high:g}{right}", value, fix)
    return float(value)


def integer(name: str, value: Any, low: float = -math.inf, high: float | np.integer = math.inf, *, fix: str = "") -> int:
    """Return `value` as an int within the bounds, or raise ValueError (TypeError if it is no whole number)."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number; got {value!r} ({type(value).__name__}).")
    if not low <= value <= high:
        bound = f"at least {low}" if high == math.inf else f"from {low} to {high}"
        _raise(name, f"a whole number {bound}", value, fix)
    return int(value)


def fraction(name: str, value: Any, *, open_low: bool = False, open_high: bool = False) -> float:
    """Return `value` as a float in [0, 1], or raise; `open_*` exclude an end."""
    fix = "Fractions, not percent." if isinstance(value, numbers.Real) and value > 1 else ""
    return real(name, value, 0, 1, open_low=open_low, open_high=open_high, fix=fix)


def choice(name: str, value: Any, options: Iterable) -> Any:
    """Return `value` if it is one of `options`, or raise ValueError listing them."""
    if value not in options:
        _raise(name, "one of " + ", ".join(repr(o) for o in options), value, "")
    return value


def instance(name: str, value: Any, kind: Any, example: str) -> Any:
    """Return `value` if it is an instance of `kind` (a class or a tuple of them), or raise TypeError with an example."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be like {example}; got {value!r} ({type(value).__name__}).")
    return value


def all_finite(array: np.ndarray) -> bool:
    """Whether a C-ordered array holds neither NaN nor infinity; looks at a megabyte at a time, so that no mask of the whole is made.

    >>> all_finite(np.ones(3)), all_finite(np.array([1.0, np.nan]))
    (True, False)
    """
    flat = array.reshape(-1)
    return all(np.isfinite(flat[k : k + PIECE]).all() for k in range(0, flat.size, PIECE))
