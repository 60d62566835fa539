"""Pruning against structurally sparse nets."""
