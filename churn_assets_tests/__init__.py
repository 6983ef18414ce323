"""The tests mirror the package: what `churn_assets/x/y.py` promises is tested in `churn_assets_tests/x/test_y.py`.

Fits here are small, and other tests keep the cores busy. Threads of OpenMP and BLAS then wait for each other in loops:
on busy cores, learners of uplift took forty times the CPU of one thread. The libraries look at the setting when they
are loaded, so it is made before any other module of the tests is. The demo of the end-to-end tests runs without it.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
