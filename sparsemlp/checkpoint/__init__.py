"""Checkpoints: one file that holds a network or a whole training. `container.py` is the format, `model.py` what goes into it."""

from .callback import Checkpoint
from .model import load, save

__all__ = ["Checkpoint", "load", "save"]
