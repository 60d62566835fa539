"""The inner products of the sparse layers: groups of four connections, walked register by register.

Four connections at a time, one register of lanes at a time: an accumulator is touched once and `x` loaded once for four
connections, so that a tile may be wider than the register file without every spill being paid per connection.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import FMUL_FLAGS, I64, fma, join, load, part, register_lanes, shuffle, splat, store, tree_sum


def _add4(builder, sums):
    """(sum a, sum b, sum c, sum d) of four vectors of at least 4 lanes, by a transposing tree."""

    def pairs(x, y):
        n = x.type.count
        even = [i for o in range(0, n, 4) for i in (o, o + 2, n + o, n + o + 2)]
        return builder.fadd(shuffle(builder, x, y, even), shuffle(builder, x, y, [i + 1 for i in even]))

    s = pairs(pairs(*sums[:2]), pairs(*sums[2:]))
    while s.type.count > 4:
        n = s.type.count // 2
        s = builder.fadd(part(builder, s, 0, n), part(builder, s, n, n))
    return s


def _accumulate(context, builder, array_type, array, offset, v):
    """array[offset:] += v."""
    old = load(context, builder, array_type, array, offset, v.type.count)
    store(context, builder, array_type, array, offset, builder.fadd(old, v))


def _cut(builder, v):
    n = register_lanes(v.type)
    return [part(builder, v, i, n) for i in range(0, v.type.count, n)], n


@intrinsic
def vfma(typing, s, array, offset, acc):
    """acc + s * array[offset:], for one connection."""

    def code(context, builder, sig, args):
        s, array, offset, acc = args
        return fma(builder, splat(builder, s, acc.type.count), load(context, builder, sig.args[1], array, offset, acc.type.count), acc)

    return acc(acc.dtype, array, types.int64, acc), code


@intrinsic
def vfma4(typing, s0, s1, s2, s3, array, o0, o1, o2, o3, acc):
    """acc + s0 * array[o0:] + ... + s3 * array[o3:], in this order."""

    def code(context, builder, sig, args):
        scalars, array, offsets, acc = args[:4], args[4], args[5:9], args[9]
        accs, n = _cut(builder, acc)
        splats = [splat(builder, s, n) for s in scalars]
        for r in range(len(accs)):
            for s, o in zip(splats, offsets, strict=True):
                at = builder.add(o, ir.Constant(I64, r * n))
                accs[r] = fma(builder, s, load(context, builder, sig.args[4], array, at, n), accs[r])
        return join(builder, accs)

    return acc(*(acc.dtype,) * 4, array, *(types.int64,) * 4, acc), code


def _dots(context, builder, array_type, array, offsets, x, x_type, xo, n, count, scalars=None, g=None):
    """<array[o:], x> of each offset, folded to one register; on the way g += s * array[o:], if there are scalars."""
    sums = [None] * len(offsets)
    for r in range(count // n):
        shift = ir.Constant(I64, r * n)
        xr = load(context, builder, x_type, x, builder.add(xo, shift), n)
        for c, o in enumerate(offsets):
            y = load(context, builder, array_type, array, builder.add(o, shift), n)
            if scalars is not None:
                g[r] = fma(builder, scalars[c], y, g[r])
            sums[c] = builder.fmul(xr, y, flags=FMUL_FLAGS) if sums[c] is None else fma(builder, xr, y, sums[c])
    return sums


@intrinsic
def vback4(typing, s0, s1, s2, s3, dy, o0, o1, o2, o3, x, xo, g, dw, d):
    """dw[d:d+4] += <dy[o_c:], x[xo:]> for the four connections; returns g + sum of s_c * dy[o_c:]."""

    def code(context, builder, sig, args):
        scalars, dy, offsets, (x, xo, g, dw, d) = args[:4], args[4], args[5:9], args[9:]
        gs, n = _cut(builder, g)
        splats = [splat(builder, s, n) for s in scalars]
        sums = _dots(context, builder, sig.args[4], dy, offsets, x, sig.args[9], xo, n, g.type.count, splats, gs)
        _accumulate(context, builder, sig.args[12], dw, d, _add4(builder, sums))
        return join(builder, gs)

    return g(*(g.dtype,) * 4, dy, *(types.int64,) * 4, x, types.int64, g, dw, types.int64), code


@intrinsic
def vdot4(typing, dy, o0, o1, o2, o3, x, xo, dw, d, w):
    """dw[d:d+4] += <dy[o_c:], x[xo:]> for the four connections."""

    def code(context, builder, sig, args):
        dy, offsets, (x, xo, dw, d, _) = args[0], args[1:5], args[5:]
        vt = ir.VectorType(context.get_data_type(sig.args[0].dtype), sig.args[9].n)
        sums = _dots(context, builder, sig.args[0], dy, offsets, x, sig.args[5], xo, register_lanes(vt), vt.count)
        _accumulate(context, builder, sig.args[7], dw, d, _add4(builder, sums))
        return context.get_dummy_value()

    return types.void(dy, *(types.int64,) * 4, x, types.int64, dw, types.int64, w), code


@intrinsic
def vdot(typing, dy, o, x, xo, w):
    """<dy[o:], x[xo:]> of one connection."""

    def code(context, builder, sig, args):
        dy, o, x, xo, _ = args
        vt = ir.VectorType(context.get_data_type(sig.args[0].dtype), sig.args[4].n)
        (s,) = _dots(context, builder, sig.args[0], dy, [o], x, sig.args[2], xo, register_lanes(vt), vt.count)
        return tree_sum(builder, s)

    return dy.dtype(dy, types.int64, x, types.int64, w), code
