"""Layers: one a file, each with its forward and its backward."""

from .activations import ActivationLayer, SReLU
from .base import Call, Epilogue, Layer, Parameter, Sink
from .batch_norm import BatchNorm
from .dropout import InputDropout
from .linear import ACTIVATIONS, Linear
from .pooling import AveragePool2D, MaxPool2D

__all__ = [
    "ACTIVATIONS",
    "ActivationLayer",
    "AveragePool2D",
    "BatchNorm",
    "Call",
    "Epilogue",
    "InputDropout",
    "Layer",
    "Linear",
    "MaxPool2D",
    "Parameter",
    "SReLU",
    "Sink",
]

KINDS = {kind.__name__: kind for kind in (AveragePool2D, BatchNorm, Linear, MaxPool2D, SReLU)}
"""The layers that a saved file may name without `load(custom=)`."""
