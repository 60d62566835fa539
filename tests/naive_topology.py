"""Correlations and F statistics column by column, as a textbook writes them."""

import math

import numpy as np


def correlations(X):
    X = np.asarray(X, float)
    n_in = X.shape[1]
    C = np.zeros((n_in, n_in))
    for i in range(n_in):
        for j in range(n_in):
            a, b = X[:, i] - X[:, i].mean(), X[:, j] - X[:, j].mean()
            length = math.sqrt((a**2).sum() * (b**2).sum())
            C[i, j] = abs((a * b).sum()) / length if length > 1e-9 else 0
    return C


def f_statistics(X, y):
    X = np.asarray(X, float)
    classes = sorted(set(y.tolist()))
    F = np.zeros(X.shape[1])
    for j in range(X.shape[1]):
        groups = [X[y == c, j] for c in classes]
        between = sum(len(g) * (g.mean() - X[:, j].mean()) ** 2 for g in groups) / (len(classes) - 1)
        within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(X) - len(classes))
        F[j] = between / within if within > 1e-9 else 0
    return F
