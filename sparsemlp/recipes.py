"""What the estimators and the command line do by default: which inputs units see, whether connections move, rates and decay.

Measured in docs/sparse_or_small_dense.md, on other sets than those the rules were chosen on too.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from . import checks
from .policies import SET, Static
from .schedules import Cosine
from .topology import Correlated, Local, Weighted
from .topology.correlated import WIDEST

RECIPES = ("auto", "images", "tabular", "text", None)
MANY_ZEROS = 0.9  # share of zeros from which X counts as text
FEW_INPUTS = 100  # a unit, below which dropout hurts
DECAY, MANY_ROWS = 5e-4, 10_000
SPARSE_ENOUGH = 0.99  # a layer with more of its connections is left full


def choose(recipe: Any, X: Any, image_shape: Any) -> Any:
    """The recipe that "auto" stands for.

    Images if `image_shape` is given; text if X holds no negative number and at least nine tenths zeros; else tabular. What X is
    stored as, dense or sparse, does not matter.

    Examples
    --------
    >>> choose("auto", np.eye(20), None), choose("auto", np.eye(20) - 0.5, None), choose("auto", np.eye(20), (4, 5))
    ('text', 'tabular', 'images')
    """
    checks.choice("recipe", recipe, RECIPES)
    if recipe == "images" and image_shape is None:
        raise ValueError("recipe='images' must come with image_shape, such as (28, 28) or (3, 32, 32); got None.")
    if recipe not in ("auto", "images") and image_shape is not None:
        raise ValueError(f"image_shape is read by recipe='images' or 'auto' only; got {image_shape!r} with recipe={recipe!r}.")
    if recipe != "auto":
        return recipe
    if X.shape[0] < 2:
        return None  # one row tells nothing of what belongs together
    if image_shape is not None:
        return "images"
    values = X.data if sp.issparse(X) else X
    zeros = 1 - np.count_nonzero(values) / (X.shape[0] * X.shape[1])
    return "text" if zeros >= MANY_ZEROS and (values.size == 0 or values.min() >= 0) else "tabular"


def topologies(recipe: Any, sizes: Any, plain: Any, image_shape: Any) -> Any:
    """One topology a layer, of as many connections as the Erdős–Rényi topology `plain` deals out, to a unit's rounding.

    Images: `Local` in all hidden layers. Tabular: the first layer `Correlated`, or `Weighted` if X is too wide for that. Text: the first
    layer `Weighted`. All other layers, and those that would be full anyway, stay Erdős–Rényi.
    """
    epsilon, plain = plain.epsilon, plain.layers(list(sizes))
    shapes = list(zip(sizes, sizes[1:], strict=False))
    counts = [
        layer.n_connections if epsilon is None else min(epsilon * (a + b), a * b) for layer, (a, b) in zip(plain, shapes, strict=True)
    ]
    fans = [max(1, round(count / n_out)) for count, (_, n_out) in zip(counts, shapes, strict=True)]
    hidden = len(plain) - 1
    if recipe is None or not hidden:
        return plain
    if recipe == "images":
        first = list(Local(image_shape, fans[:hidden]))
    elif recipe == "tabular" and sizes[0] <= WIDEST:
        first = [Correlated(fans[0])]
    else:
        first = [Weighted(fans[0])]
    full = [fan >= SPARSE_ENOUGH * n_in for fan, n_in in zip(fans, sizes, strict=False)]
    return [plain[k] if full[k] or k >= len(first) else first[k] for k in range(len(plain))]


def policy(recipe: Any) -> Any:
    """How connections move: a text recipe's by SET with a falling fraction, others' not at all; without a recipe by SET as published."""
    return {"text": SET(zeta=Cosine(0.3)), None: SET()}.get(recipe, Static())


def decay(n_rows: int) -> Any:
    """Weight decay: 5e-4 from 10,000 rows, else none."""
    return DECAY if n_rows >= MANY_ROWS else 0.0


def warn_of_dropout(network: Any) -> None:
    """Warn if units that lose inputs to dropout have few of them."""
    for k, layer in enumerate(network.layers[1:], 1):
        fan_in = layer.weights.n_connections / layer.n_out
        if network.layers[k - 1].dropout and fan_in < FEW_INPUTS:
            warnings.warn(
                f"dropout hurts units of few inputs: those of layer {k} have {fan_in:.0f} on average, fewer than {FEW_INPUTS}. "
                "Leave dropout at 0, or raise density.",
                UserWarning,
                stacklevel=4,
            )
            return
