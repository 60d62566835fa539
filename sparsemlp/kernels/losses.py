"""Losses over the tiles of the output layer: the value, the gradient at the pre-activation and its sums, in one pass."""

import numpy as np

from .common import IDENTITY, U
from .compile import single
from .simd import lanes, vadd, vdiv, vload, vmax, vmul, vsplat, vstore, vsub, vsum
from .simd_math import vexp, vflush, vsigmoid, vsigmoid_back

TINY = 1e-30  # a smaller gradient becomes 0: denormals would make the backward pass several times slower


@single
def softmax_cross_entropy(w, z, dz, dbias, labels, scale, scale_tiles, stats):
    """Weighted softmax cross-entropy of logits.

    Parameters
    ----------
    z : float[tiles, n_classes, lanes], logits; dz : same shape, overwritten, zero in the lanes beyond the batch
    dbias : float[n_classes], overwritten with the sums of dz
    labels : int64[n_batch], unchecked; scale : float[n_batch], a sample's weight over the batch's sum of weights
    scale_tiles : float[tiles, lanes], overwritten with `scale`, zero beyond the batch
    stats : float64[2], overwritten: the loss; how many samples were classified correctly (ties go to the lower class)
    """
    T = lanes(w)
    n_tiles, n_classes = z.shape[0], z.shape[1]
    n = labels.size
    zf, df, sf = z.ravel(), dz.ravel(), scale_tiles.ravel()
    for b in range(n_tiles * T):
        sf[b] = scale[b] if b < n else 0
    loss, correct = 0.0, 0
    for j in range(n_classes):
        dbias[j] = 0
    for t in range(n_tiles):
        o = t * n_classes * T
        m = vload(z, o, w)
        for j in range(1, n_classes):
            m = vmax(m, vload(z, o + j * T, w))
        s = vsplat(dz.dtype.type(0), w)
        for j in range(n_classes):
            e = vexp(vsub(vload(z, o + j * T, w), m))
            vstore(dz, o + j * T, e)
            s = vadd(s, e)
        r = vdiv(vsplat(dz.dtype.type(1), w), s)
        for j in range(n_classes):
            vstore(dz, o + j * T, vmul(vload(dz, o + j * T, w), r))
        for b in range(min(T, n - t * T)):
            i = o + b
            label = labels[t * T + b]
            best = 0
            for j in range(1, n_classes):
                if zf[i + j * T] > zf[i + best * T]:
                    best = j
            correct += best == label
            # log of the best class's share, which never underflows, and the distance to it, which exp would cut off
            loss += (np.float64(zf[i + best * T] - zf[i + label * T]) - np.float64(np.log(df[i + best * T]))) * scale[t * T + b]
            df[i + label * T] -= 1
        r = vload(scale_tiles, t * T, w)
        for j in range(n_classes):
            d = vflush(vmul(vload(dz, o + j * T, w), r), dz.dtype.type(TINY))
            vstore(dz, o + j * T, d)
            dbias[j] += vsum(d)
    stats[0] = loss
    stats[1] = correct


@single
def squared_error(w, activation, y, dz, dbias, target, rows, scale, scale_tiles, stats):
    """Weighted mean squared error of outputs y against target[rows], averaged over the outputs.

    y : float[tiles, n_out, lanes], after the activation (identity or sigmoid); target : float[n, n_out]; rows : int64[n_batch];
    the rest as in `softmax_cross_entropy`; stats[1] becomes 0.
    """
    T = lanes(w)
    n_tiles, n_out = y.shape[0], y.shape[1]
    n = rows.size
    yf, df = y.ravel(), dz.ravel()
    loss = 0.0
    share = dz.dtype.type(1) / dz.dtype.type(n_out)
    for j in range(n_out):
        dbias[j] = 0
    for t in range(n_tiles):
        o = t * n_out * T
        for b in range(T):
            i = t * T + b
            if i < n:
                row, weight = U(rows[i]), scale[i] * share
                for j in range(n_out):
                    e = yf[o + j * T + b] - target[row, j]
                    loss += np.float64(e) * np.float64(e) * weight
                    df[o + j * T + b] = 2 * e * weight
            else:
                for j in range(n_out):
                    df[o + j * T + b] = 0
        for j in range(n_out):
            d = vload(dz, o + j * T, w)
            if activation != IDENTITY:
                d = vsigmoid_back(vload(y, o + j * T, w), d)
            d = vflush(d, dz.dtype.type(TINY))
            vstore(dz, o + j * T, d)
            dbias[j] += vsum(d)
    stats[0] = loss
    stats[1] = 0


@single
def binary_cross_entropy(w, z, dz, dbias, target, rows, scale, scale_tiles, stats):
    """Weighted binary cross-entropy of logits against target[rows] in [0, 1], averaged over the outputs.

    z : float[tiles, n_out, lanes], logits; the rest as in `squared_error`; stats[1] counts right answers over all outputs.
    """
    T = lanes(w)
    n_tiles, n_out = z.shape[0], z.shape[1]
    n = rows.size
    zf, df = z.ravel(), dz.ravel()
    loss, correct = 0.0, 0
    share = dz.dtype.type(1) / dz.dtype.type(n_out)
    zero = dz.dtype.type(0)
    for j in range(n_out):
        dbias[j] = 0
    for t in range(n_tiles):
        o = t * n_out * T
        for j in range(n_out):
            vstore(dz, o + j * T, vsigmoid(vload(z, o + j * T, w)))
        for b in range(T):
            i = t * T + b
            if i < n:
                row, weight = U(rows[i]), scale[i] * share
                for j in range(n_out):
                    a, y = zf[o + j * T + b], target[row, j]
                    # log(1 + e^a) - y a, without overflow; NaN stays NaN by its first term
                    soft = np.log1p(np.exp(-abs(a))) + (a if a > 0 else zero)
                    loss += (np.float64(soft) - np.float64(y) * np.float64(a)) * weight
                    correct += (a > 0) == (y > 0.5)
                    df[o + j * T + b] = (df[o + j * T + b] - y) * weight
            else:
                for j in range(n_out):
                    df[o + j * T + b] = 0
        for j in range(n_out):
            d = vflush(vload(dz, o + j * T, w), dz.dtype.type(TINY))
            vstore(dz, o + j * T, d)
            dbias[j] += vsum(d)
    stats[0] = loss
    stats[1] = correct
