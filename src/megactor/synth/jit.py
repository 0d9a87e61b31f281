"""How the renderer's loops are compiled.

No fast math: sums are taken in the order in which they are written and never fused, so that machines agree to the
last bit except in libm's sine and friends. Division by zero gives inf, as in numpy.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Compiles a function on its first call and keeps the machine code for the next process."""

inlined = njit(cache=True, nogil=True, error_model="numpy", forceinline=True, _nrt=False)
"""For what a kernel calls for every sample: no call, and arrays are not reference-counted (so none can be made).

Without it, shading takes twice as long: numba copies tuples of arrays on every call and counts each array taken out.
"""
