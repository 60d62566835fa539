"""Explicit SIMD for numba: values of LLVM type <n x float> or <n x double>, and their loads, stores and arithmetic.

The width reaches a kernel as a *type*: its first argument is a tag, `WIDTH[64]`, of numba type `Lanes(64, stamp)`. One source
thus serves every width and dtype. `stamp` hashes the sources of this package with the numba and llvmlite versions, so that
numba's disk cache, which watches only the file of the outermost function, notices an edit anywhere in the package.
"""

import hashlib
import pathlib

import llvmlite
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.core.datamodel import models
from numba.extending import NativeValue, intrinsic, register_model, typeof_impl, unbox

from .cache import place

# No nnan and no ninf: NaN and infinity keep their meaning, so that a diverged net is noticed.
FASTMATH = {"nsz", "arcp", "contract", "reassoc"}
INNER = {"fastmath": FASTMATH, "boundscheck": False, "nogil": True, "error_model": "numpy"}  # never cached by itself
KERNEL = dict(INNER, cache=place())  # what Python calls: takes a width tag, so that its cache key holds the stamp
FMUL_FLAGS = ("nsz", "arcp", "contract")
if numba.config.DISABLE_JIT:
    raise RuntimeError(
        "sparsemlp needs numba's compiler, and NUMBA_DISABLE_JIT turns it off: unset it. sparsemlp.reference is plain NumPy."
    )
I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def source_stamp():
    """12 hex digits that change with any source of this package, numba or llvmlite."""
    digest = hashlib.sha256((numba.__version__ + llvmlite.__version__).encode())
    for file in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _register_bytes():
    """Bytes of the widest vector register that numba compiles for (its NUMBA_CPU_FEATURES included)."""
    features = numba.config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features() if numba.config.CPU_NAME in (None, "host") else ""
    return 64 if "+avx512f" in features else 32


STAMP = source_stamp()
REGISTER_BYTES = _register_bytes()


class Lanes(types.Type):
    """The type of a width tag: how many batch columns a tile has."""

    def __init__(self, n):
        self.n = n
        super().__init__(name=f"Lanes({n}, {REGISTER_BYTES}, {STAMP})")


class Vec(types.Type):
    """A vector value of `n` elements of `dtype`."""

    def __init__(self, dtype, n):
        self.dtype, self.n = dtype, n
        super().__init__(name=f"Vec({dtype}, {n})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, I8)


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, ir.VectorType(llvm_real(fe_type.dtype), fe_type.n))


class Width:
    """A width tag: a value without content whose numba type carries the number of lanes."""

    def __init__(self, n):
        self.n, self._numba_type_ = n, Lanes(n)


@typeof_impl.register(Width)
def _typeof_width(val, c):
    return val._numba_type_


@unbox(Lanes)
def _unbox_lanes(typ, obj, c):
    return NativeValue(ir.Constant(I8, 0))


WIDTH = {n: Width(n) for n in (8, 16, 32, 64, 128)}


# ---- building blocks in LLVM terms ----
def llvm_real(dtype):
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}[dtype]


def register_lanes(vector_type):
    """How many elements of this vector one register holds, at most all of them."""
    size = 4 if isinstance(vector_type.element, ir.FloatType) else 8
    return min(vector_type.count, REGISTER_BYTES // size)


def pointer(context, builder, array_type, array, offset):
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [offset], inbounds=True)


def load(context, builder, array_type, array, offset, n):
    vt = ir.VectorType(context.get_data_type(array_type.dtype), n)
    v = builder.load(builder.bitcast(pointer(context, builder, array_type, array, offset), vt.as_pointer()), typ=vt)
    v.align = array_type.dtype.bitwidth // 8
    return v


def store(context, builder, array_type, array, offset, v):
    p = builder.bitcast(pointer(context, builder, array_type, array, offset), v.type.as_pointer())
    builder.store(v, p).align = array_type.dtype.bitwidth // 8
    return context.get_dummy_value()


def constant(vt, x):
    return ir.Constant(vt, [x] * vt.count)


def shuffle(builder, a, b, idx):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(idx)), list(idx)))


def splat(builder, s, n):
    u = ir.Constant(ir.VectorType(s.type, n), ir.Undefined)
    return shuffle(builder, builder.insert_element(u, s, ir.Constant(I32, 0)), u, [0] * n)


def part(builder, v, start, n):
    return v if n == v.type.count else shuffle(builder, v, ir.Constant(v.type, ir.Undefined), range(start, start + n))


def join(builder, parts):
    """The inverse of cutting into equal parts: a tree of concatenations."""
    while len(parts) > 1:
        n = parts[0].type.count
        parts = [shuffle(builder, parts[i], parts[i + 1], range(2 * n)) for i in range(0, len(parts), 2)]
    return parts[0]


def fma(builder, a, b, c):
    vt = a.type
    bits = "f32" if isinstance(vt.element, ir.FloatType) else "f64"
    fn = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vt, [vt] * 3), f"llvm.fma.v{vt.count}{bits}")
    return builder.call(fn, [a, b, c])


def tree_sum(builder, v):
    """Sum of the elements by a fixed tree: the same bits whatever the compiler does."""
    while v.type.count > 1:
        n = v.type.count // 2
        v = builder.fadd(part(builder, v, 0, n), part(builder, v, n, n))
    return builder.extract_element(v, ir.Constant(I32, 0))


# ---- operations for kernels ----
@intrinsic
def lanes(typing, w):
    """The number of lanes of a width tag, a compile-time constant."""
    return types.int64(w), lambda context, builder, sig, args: ir.Constant(I64, sig.args[0].n)


@intrinsic
def vload(typing, array, offset, w):
    """The `lanes(w)` elements of a C-contiguous array from the flat `offset`."""

    def code(context, builder, sig, args):
        return load(context, builder, sig.args[0], args[0], args[1], sig.args[2].n)

    return Vec(array.dtype, w.n)(array, types.int64, w), code


@intrinsic
def vstore(typing, array, offset, v):
    def code(context, builder, sig, args):
        return store(context, builder, sig.args[0], *args)

    return types.void(array, types.int64, v), code


@intrinsic
def vsplat(typing, s, w):
    def code(context, builder, sig, args):
        return splat(builder, args[0], sig.args[1].n)

    return Vec(s, w.n)(s, w), code


@intrinsic
def vscale(typing, s, a):
    """s * a for a scalar s."""

    def code(context, builder, sig, args):
        return builder.fmul(splat(builder, args[0], sig.args[1].n), args[1])

    return a(a.dtype, a), code


def _binary(op):
    @intrinsic
    def operation(typing, a, b):
        return a(a, a), lambda context, builder, sig, args: op(builder, *args)

    return operation


vadd = _binary(lambda b, x, y: b.fadd(x, y))
vsub = _binary(lambda b, x, y: b.fsub(x, y))
vmul = _binary(lambda b, x, y: b.fmul(x, y))
vdiv = _binary(lambda b, x, y: b.fdiv(x, y))
vmax = _binary(lambda b, x, y: b.select(b.fcmp_unordered("<", x, y), y, x))  # NaN if y is


@intrinsic
def vsum(typing, a):
    """The sum of all lanes, by a fixed tree."""
    return a.dtype(a), lambda context, builder, sig, args: tree_sum(builder, args[0])


@intrinsic
def prefetch(typing, array, offset):
    """Ask for the cache line at array.flat[offset] to be brought to the second-level cache."""

    def code(context, builder, sig, args):
        p = builder.bitcast(pointer(context, builder, sig.args[0], *args), I8.as_pointer())
        fn = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [p.type] + [I32] * 3), "llvm.prefetch.p0")
        builder.call(fn, [p, ir.Constant(I32, 0), ir.Constant(I32, 2), ir.Constant(I32, 1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), code
