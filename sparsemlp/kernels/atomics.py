"""Indivisible operations on int64 counters that threads share."""

from numba import types
from numba.extending import intrinsic

from .simd import I64, pointer


@intrinsic
def atomic_add(typing, array, offset, v):
    """array[offset] += v for int64, as one indivisible operation; the value before it."""

    def code(context, builder, sig, args):
        return builder.atomic_rmw("add", pointer(context, builder, sig.args[0], *args[:2]), args[2], ordering="seq_cst")

    return types.int64(array, types.int64, types.int64), code


@intrinsic
def atomic_load(typing, array, offset):
    def code(context, builder, sig, args):
        return builder.load_atomic(pointer(context, builder, sig.args[0], *args), ordering="acquire", align=8)

    return types.int64(array, types.int64), code


@intrinsic
def atomic_take(typing, array, offset, v):
    """Whether array[offset] was v and is now v + 1: of several threads that try at once, one succeeds."""

    def code(context, builder, sig, args):
        p = pointer(context, builder, sig.args[0], *args[:2])
        found = builder.cmpxchg(p, args[2], builder.add(args[2], I64(1)), "seq_cst", "seq_cst")
        return builder.extract_value(found, 1)

    return types.boolean(array, types.int64, types.int64), code
