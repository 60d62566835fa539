"""The only code that numba compiles: sparse products over batch tiles, losses, topology changes.

Kernels check nothing and allocate next to nothing; every argument is checked by their callers. Importing this package compiles nothing.
"""
