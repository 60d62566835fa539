"""Adaptive pruning rate, auxiliary layer, energy."""
