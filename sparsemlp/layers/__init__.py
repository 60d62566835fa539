"""Layers: one a file, each with its forward and its backward."""

from .activations import ActivationLayer, SReLU
from .base import Call, Epilogue, Layer, Parameter, Sink
from .batch_norm import BatchNorm
from .dropout import InputDropout
from .linear import ACTIVATIONS, Linear

__all__ = [
    "ACTIVATIONS",
    "ActivationLayer",
    "BatchNorm",
    "Call",
    "Epilogue",
    "InputDropout",
    "Layer",
    "Linear",
    "Parameter",
    "SReLU",
    "Sink",
]

KINDS = {kind.__name__: kind for kind in (BatchNorm, Linear, SReLU)}
"""The layers that a saved file may name without `load(custom=)`."""
