"""`@kernel`: one source, compiled for all threads and for the calling thread alone."""

import types

from llvmlite import ir
from numba import njit
from numba import types as numba_types
from numba.extending import intrinsic

from .cache import guarded
from .simd import KERNEL


class Kernel:
    """One source with a loop over `prange(n_threads)`, compiled twice.

    Parameters
    ----------
    function : function
        Takes a width tag, the number of threads, and more.

    Attributes
    ----------
    parallel, serial : numba dispatchers
        The same arguments; `serial` must be given one thread. numba's disk cache does not tell parallel from serial compilations of one
        function (numba issue 6845), so the serial one is a copy under another name.
    """

    def __init__(self, function):
        copy = types.FunctionType(function.__code__, function.__globals__, f"{function.__name__}_serial", function.__defaults__)
        copy.__qualname__, copy.__module__, copy.__doc__ = f"{function.__qualname__}_serial", function.__module__, function.__doc__
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__
        self.parallel, self.serial = guarded(njit(parallel=True, **KERNEL)(function)), guarded(njit(**KERNEL)(copy))

    def of(self, n_threads):
        """The dispatcher for so many threads, for prebuilt calls."""
        return self.parallel if n_threads > 1 else self.serial

    def __call__(self, w, n_threads, *args):
        return self.of(n_threads)(w, n_threads, *args)


def kernel(function):
    """Decorate the source of a `Kernel`."""
    return Kernel(function)


def single(function):
    """Decorate the source of a kernel that the calling thread alone runs."""
    return guarded(njit(**KERNEL)(function))


@intrinsic
def apart(typing):
    """Keep the function that calls this out of its callers, so that parallel and serial kernels run the same instructions.

    LLVM may contract multiplications and additions one way in one caller and another way in the next: results would depend on threads.
    """

    def code(context, builder, sig, args):
        builder.function.attributes.add("noinline")
        return ir.Constant(ir.IntType(1), 0)

    return numba_types.boolean(), code
