"""How the renderer's loops are compiled."""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Compiles a function on its first call and keeps the machine code for the next process.

No fast math: sums are taken in the order in which they are written and never fused, so that machines agree to the
last bit except in libm's sine and friends. Division by zero gives inf, as in numpy.
"""
