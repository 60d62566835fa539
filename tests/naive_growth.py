"""Slow, obvious twins of kernels/growth.py, in float64."""

import numpy as np


def gradients_at(x, dy, places):
    """From x : [n_in, n_batch], dy : [n_out, n_batch]."""
    gradient = x.astype(np.float64) @ dy.astype(np.float64).T
    return gradient.reshape(-1)[places]


def largest_missing(x, dy, stored, dropped, k):
    """Ascending places of the k largest gradients where nothing is stored, or what is stored counts as dropped."""
    exists = np.zeros(x.shape[0] * dy.shape[0], bool)
    exists[stored[~dropped]] = True
    places = np.flatnonzero(~exists)
    order = np.argsort(-np.abs(gradients_at(x, dy, places)), kind="stable")
    return np.sort(places[order[:k]])
