"""Policies: rules that change the topology during training. One method per file; `base.py` is their contract."""

from .annealed_pruning import AnnealedPruning
from .base import LayerView, Policy, Progress
from .combined import Combined
from .dissipating_gradients import DissipatingGradients
from .fsa import FSA
from .iterative import IterativePruning
from .k_starts import KStarts
from .one_time import OneTimePruning
from .random_pruning import RandomPruning
from .rigl import RigL
from .set import SET
from .snip import SNIP
from .static import Static
from .threshold import ThresholdPruning

__all__ = [
    "FSA",
    "SET",
    "SNIP",
    "AnnealedPruning",
    "Combined",
    "DissipatingGradients",
    "IterativePruning",
    "KStarts",
    "LayerView",
    "OneTimePruning",
    "Policy",
    "Progress",
    "RandomPruning",
    "RigL",
    "Static",
    "ThresholdPruning",
]
