"""Slow, obvious twins of the kernels, in float64. Imports NumPy and nothing else."""

import numpy as np

IDENTITY, RELU, LEAKY_RELU, SIGMOID, TANH = range(5)


def keep_mask(key, n_units, n_batch, threshold):
    """bool[n_units, n_batch]: what dropout keeps."""
    with np.errstate(over="ignore"):
        h = (np.uint64(key) + np.arange(n_units, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
        h *= np.uint64(0xBF58476D1CE4E5B9)
        unit = (h >> np.uint64(32)).astype(np.uint32)
        v = (np.arange(n_batch, dtype=np.uint32) * np.uint32(0x9E3779B1))[None, :] ^ unit[:, None]
        v = (v ^ (v >> np.uint32(16))) * np.uint32(0x7FEB352D)
        v = (v ^ (v >> np.uint32(15))) * np.uint32(0x846CA68B)
    return v < np.uint32(threshold)


def activate(z, activation, slope):
    if activation == RELU:
        return np.maximum(z, 0)
    if activation == LEAKY_RELU:
        return np.where(z < 0, slope * z, z)
    if activation == SIGMOID:
        return 1 / (1 + np.exp(-z))
    return np.tanh(z) if activation == TANH else z


def activate_back(y, g, activation, slope):
    """g times the derivative at the output y."""
    if activation == RELU:
        return np.where(y <= 0, 0, g)
    if activation == LEAKY_RELU:
        return np.where(y < 0, slope * g, g)
    if activation == SIGMOID:
        return g * y * (1 - y)
    return g * (1 - y * y) if activation == TANH else g


def forward(x, weights, bias, activation=IDENTITY, slope=0.0, threshold=0, key=0, scale=1.0):
    """float64[n_out, n_batch] from x : [n_in, n_batch], weights : [n_in, n_out]."""
    z = activate(weights.astype(np.float64).T @ x.astype(np.float64) + bias.astype(np.float64)[:, None], activation, slope)
    return np.where(keep_mask(key, *z.shape, threshold), z * scale, 0.0) if threshold else z


def backward(x, dy, weights, activation=IDENTITY, slope=0.0, threshold=0, key=0, scale=1.0, keep=1.0):
    """(dX at the pre-activation below, its sums, dW, db)."""
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    g, y = weights.astype(np.float64) @ dy, x
    if threshold:
        g = np.where(keep_mask(key, *g.shape, threshold), g * scale, 0.0)
        y = x * keep
    g = activate_back(y, g, activation, slope)
    return g, g.sum(axis=1), x @ dy.T, dy.sum(axis=1)


def update(p, g, state, rule, lr, momentum=0.0, beta2=0.0, eps=0.0, l2=0.0, decay=1.0, scale1=1.0, scale2=1.0, nesterov=0.0):
    """(new parameters, new state), by the rules of kernels/update.py."""
    if rule == 0:
        return p, np.stack([g])
    d = g + l2 * p
    if rule == 1:
        return p - lr * d, state
    if rule == 2:
        m = momentum * state[0] + d
        return p - lr * (d + momentum * m if nesterov else m), np.stack([m])
    if rule == 3:
        m, v = momentum * state[0] + (1 - momentum) * d, beta2 * state[1] + (1 - beta2) * d * d
        return p * decay - lr * (m * scale1) / (np.sqrt(v * scale2) + eps), np.stack([m, v])
    v = beta2 * state[0] + (1 - beta2) * d * d
    return p - lr * d / (np.sqrt(v) + eps), np.stack([v])


def to_tiles(X, rows, lanes):
    """[tiles, n_features, lanes] of the rows of X, zero beyond the batch."""
    n_tiles = -(-len(rows) // lanes)
    padded = np.zeros((n_tiles * lanes, X.shape[1]))
    padded[: len(rows)] = X[rows]
    return padded.reshape(n_tiles, lanes, -1).transpose(0, 2, 1)


csr_to_tiles = to_tiles


def from_tiles(tiles, n):
    """[n, units] from [tiles, units, lanes]."""
    return tiles.transpose(0, 2, 1).reshape(-1, tiles.shape[1])[:n]


def softmax_cross_entropy(z, labels, scale):
    """(loss, dz, correct) from logits [n_classes, n_batch]."""
    z = z.astype(np.float64)
    e = np.exp(z - z.max(axis=0))
    p = e / e.sum(axis=0)
    at = np.arange(len(labels))
    loss = -(np.log(p[labels, at]) * scale).sum()
    p[labels, at] -= 1
    return loss, p * scale, int((z.argmax(axis=0) == labels).sum())


def squared_error(y, target, scale, *, sigmoid):
    """(loss, dz) of outputs y after the activation, target [n_batch, n_out]."""
    e = y.astype(np.float64) - target.T
    dz = 2 * e * scale / len(y)
    return (e * e * scale).sum() / len(y), dz * y * (1 - y) if sigmoid else dz


def binary_cross_entropy(z, target, scale):
    """(loss, dz, correct) from logits [n_out, n_batch]."""
    z, t = z.astype(np.float64), target.T
    loss = (np.logaddexp(0, z) - t * z) * scale / len(z)
    return loss.sum(), (1 / (1 + np.exp(-z)) - t) * scale / len(z), int(((z > 0) == (t > 0.5)).sum())


def transpose_index(indptr, indices, n_out):
    """(perm, inputs, out_ptr)."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    perm = np.argsort(indices, kind="stable")
    return perm, rows[perm], np.searchsorted(indices[perm], np.arange(n_out + 1))


def block_pointers(indptr, minor, block, n_blocks):
    """[n_blocks + 1, n]: where each row's entries of block q begin."""
    rows = [minor[a:b] for a, b in zip(indptr[:-1], indptr[1:], strict=True)]
    starts = [[a + np.searchsorted(r, q * block) for q in range(n_blocks)] + [a + len(r)] for a, r in zip(indptr, rows, strict=False)]
    return np.array(starts, np.int64).reshape(-1, n_blocks + 1).T
