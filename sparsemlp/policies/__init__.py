"""Policies: rules that change the topology during training. One method per file; `base.py` is their contract."""

from .annealed_pruning import AnnealedPruning
from .base import LayerView, Policy, Progress
from .fsa import FSA
from .iterative import IterativePruning
from .one_time import OneTimePruning
from .set import SET
from .static import Static
from .threshold import ThresholdPruning

__all__ = [
    "FSA",
    "SET",
    "AnnealedPruning",
    "IterativePruning",
    "LayerView",
    "OneTimePruning",
    "Policy",
    "Progress",
    "Static",
    "ThresholdPruning",
]
