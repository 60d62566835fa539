"""Pruning at initialization."""
