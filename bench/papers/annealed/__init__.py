"""Annealed pruning."""
