"""Vector functions: exponential, activations and their derivatives, dropout by a counter hash, a block transpose."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import I32, I64, constant, fma, llvm_real, load, pointer, shuffle, splat, store


def _exp(builder, x):
    """e^x by range reduction and a Taylor polynomial on |r| <= ln 2 / 2; NaN stays NaN, large |x| saturates."""
    vt, single = x.type, isinstance(x.type.element, ir.FloatType)
    it = ir.VectorType(I32 if single else I64, vt.count)
    low, high, magic, mantissa, degree = (-87.0, 88.0, 1.5 * 2.0**23, 23, 7) if single else (-708.0, 709.0, 1.5 * 2.0**52, 52, 13)
    real = np.float32 if single else np.float64

    def c(v):
        return constant(vt, float(real(v)))

    ln2_high = real(0.693359375) if single else real(np.float64(int(np.log(2.0) * 2**32)) / 2**32)
    ln2_low = float(np.longdouble("0.693147180559945309417232121458176568") - np.longdouble(ln2_high))
    x = builder.select(builder.fcmp_ordered("<", x, c(low)), c(low), x)
    x = builder.select(builder.fcmp_ordered(">", x, c(high)), c(high), x)
    t = fma(builder, x, c(1 / np.log(2.0)), c(magic))  # the integer part sits in the low bits
    k = builder.fsub(t, c(magic))
    r = fma(builder, k, c(-ln2_low), fma(builder, k, c(-ln2_high), x))
    factorial = np.concatenate([[1.0], np.cumprod(np.arange(1.0, degree + 1))])
    p = c(1.0 / factorial[degree])
    for d in range(degree - 1, -1, -1):
        p = fma(builder, p, r, c(1.0 / factorial[d]))
    e = builder.shl(builder.bitcast(t, it), constant(it, mantissa))
    return builder.bitcast(builder.add(builder.bitcast(p, it), e), vt)


def _unary(op):
    @intrinsic
    def operation(typing, x):
        return x(x), lambda context, builder, sig, args: op(builder, args[0])

    return operation


def _sigmoid(builder, x):
    one = constant(x.type, 1.0)
    return builder.fdiv(one, builder.fadd(one, _exp(builder, builder.fneg(x))))


TANH_SERIES = 0.03  # below it 1 - 2 / (1 + e^2x) cancels, and five terms of the series are exact to double precision


def _tanh(builder, x):
    """1 - 2 / (1 + e^2x); x - x^3 / 3 + ... near 0."""
    one, two = constant(x.type, 1.0), constant(x.type, 2.0)
    far = builder.fsub(one, builder.fdiv(two, builder.fadd(one, _exp(builder, builder.fadd(x, x)))))
    square = builder.fmul(x, x)
    near = constant(x.type, 62 / 2835)
    for term in (-17 / 315, 2 / 15, -1 / 3, 1.0):
        near = builder.fadd(builder.fmul(near, square), constant(x.type, term))
    small = builder.fcmp_ordered("<", square, constant(x.type, TANH_SERIES**2))
    return builder.select(small, builder.fmul(x, near), far)


def _relu(builder, x):
    """0 where x is negative; NaN stays, so that the loss check sees it."""
    zero = constant(x.type, 0.0)
    return builder.select(builder.fcmp_ordered("<", x, zero), zero, x)


vexp, vsigmoid, vtanh, vrelu = _unary(_exp), _unary(_sigmoid), _unary(_tanh), _unary(_relu)


def _derivative(op):
    @intrinsic
    def operation(typing, y, g):
        return y(y, y), lambda context, builder, sig, args: op(builder, *args)

    return operation


def _relu_back(builder, y, g):
    zero = constant(y.type, 0.0)
    return builder.select(builder.fcmp_ordered("<=", y, zero), zero, g)


vrelu_back = _derivative(_relu_back)
vsigmoid_back = _derivative(lambda b, y, g: b.fmul(g, b.fmul(y, b.fsub(constant(y.type, 1.0), y))))
vtanh_back = _derivative(lambda b, y, g: b.fmul(g, b.fsub(constant(y.type, 1.0), b.fmul(y, y))))


@intrinsic
def vleaky(typing, x, g, slope):
    """g where x is not negative, slope * g where it is; g is x itself in the forward."""

    def code(context, builder, sig, args):
        x, g, s = args
        scaled = builder.fmul(splat(builder, s, x.type.count), g)
        return builder.select(builder.fcmp_ordered("<", x, constant(x.type, 0.0)), scaled, g)

    return x(x, x, x.dtype), code


@intrinsic
def vflush(typing, x, tiny):
    """0 where |x| < tiny: denormal gradients would slow every product that meets them."""

    def code(context, builder, sig, args):
        x, tiny = args
        zero = constant(x.type, 0.0)
        size = builder.select(builder.fcmp_ordered("<", x, zero), builder.fneg(x), x)
        return builder.select(builder.fcmp_ordered("<", size, splat(builder, tiny, x.type.count)), zero, x)

    return x(x, x.dtype), code


@intrinsic
def vdropout(typing, v, key, lane0, threshold, scale):
    """v * scale where hash(key, lane0 + lane) < threshold, else 0; key already mixes seed, step, layer and unit."""

    def code(context, builder, sig, args):
        v, key, lane0, threshold, scale = args
        n = v.type.count
        it = ir.VectorType(I32, n)
        h = builder.add(ir.Constant(it, list(range(n))), splat(builder, builder.trunc(lane0, I32), n))
        h = builder.mul(h, constant(it, 0x9E3779B1 - (1 << 32)))
        h = builder.xor(h, splat(builder, key, n))
        for shift, mul in ((16, 0x7FEB352D), (15, 0x846CA68B - (1 << 32))):
            h = builder.mul(builder.xor(h, builder.lshr(h, constant(it, shift))), constant(it, mul))
        keep = builder.icmp_unsigned("<", h, splat(builder, threshold, n))
        return builder.select(keep, builder.fmul(v, splat(builder, scale, n)), constant(v.type, 0.0))

    return v(v, types.uint32, types.int64, types.uint32, v.dtype), code


def _load_as(context, builder, array_type, array, offset, want, n):
    """n elements of an array of any real or integer dtype, converted to the dtype `want`."""
    have, vt = array_type.dtype, ir.VectorType(llvm_real(want), n)
    v = load(context, builder, array_type, array, offset, n)
    if not isinstance(have, types.Float):
        return builder.sitofp(v, vt) if have.signed else builder.uitofp(v, vt)
    if have.bitwidth == want.bitwidth:
        return v
    return builder.fptrunc(v, vt) if have.bitwidth > want.bitwidth else builder.fpext(v, vt)


@intrinsic
def transpose_block(typing, source, offsets, dest, offset, stride, w):
    """dest[offset + c*stride + r] = source[offsets[r] + c] for n x n values, n = lanes(w), by butterfly shuffles."""

    def code(context, builder, sig, args):
        source, offsets, dest, offset, stride, _ = args
        n = sig.args[5].n
        rows = []
        for r in range(n):
            at = builder.load(pointer(context, builder, sig.args[1], offsets, ir.Constant(I64, r)), typ=I64)
            rows.append(_load_as(context, builder, sig.args[0], source, at, sig.args[2].dtype, n))
        step = 1
        while step < n:
            low = [i if not i & step else n + i - step for i in range(n)]
            high = [i + step if not i & step else n + i for i in range(n)]
            for r in range(n):
                if not r & step:
                    a, b = rows[r], rows[r + step]
                    rows[r], rows[r + step] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
            step *= 2
        for c in range(n):
            store(context, builder, sig.args[2], dest, builder.add(offset, builder.mul(stride, ir.Constant(I64, c))), rows[c])
        return context.get_dummy_value()

    return types.void(source, offsets, dest, types.int64, types.int64, w), code
