"""The kinds of weights that a saved layer may hold."""

from __future__ import annotations

from typing import Any

from ..weights.dense import DenseWeights
from ..weights.prediction import PredictionWeights
from ..weights.sparse import SparseWeights

WEIGHTS = (SparseWeights, PredictionWeights, DenseWeights)


def weights_from_dict(content: dict) -> Any:
    """Return the weights of what `Layer.to_dict` returned; their kind follows from which index there is."""
    kind = next(kind for kind in WEIGHTS if kind.index_name in content or kind.index_name is None)
    return kind.from_dict(content)
