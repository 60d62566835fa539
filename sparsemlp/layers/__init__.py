"""Layers: one a file, each with its forward and its backward."""

from .input_dropout import InputDropout
from .linear import ACTIVATIONS, Linear

__all__ = ["ACTIVATIONS", "InputDropout", "Linear"]
