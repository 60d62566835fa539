"""Policies: rules that change the topology during training. One method per file; `base.py` is their contract."""

from .base import LayerView, Policy, Progress
from .set import SET
from .static import Static

__all__ = ["SET", "LayerView", "Policy", "Progress", "Static"]
