"""Loads NumPy without threads of its BLAS; to be imported before anything that imports NumPy.

Coding never calls BLAS, but its threads start when NumPy is loaded, and spin for a while: a third
of the processor time of loading it. What is loaded later, such as torch, is not affected.
"""

import os

_VARIABLE = "OPENBLAS_NUM_THREADS"
_given = os.environ.get(_VARIABLE)
os.environ.setdefault(_VARIABLE, "1")

import numpy  # noqa: E402, F401  # reads the variable now

if _given is None:
    del os.environ[_VARIABLE]
