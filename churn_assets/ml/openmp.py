"""How threads of OpenMP, with which scikit-learn and XGBoost fit, wait for one another."""

import os

SPINS = "30000"


def share_cores() -> None:
    """Lets threads that wait for others give their core away soon, unless the user has set GOMP_SPINCOUNT.

    By default they check in a loop for some milliseconds first. Where other processes need the cores as well, fits
    then take twice their CPU: the thread waited for has no core. OpenMP reads the variable when scikit-learn is
    imported, so call this before.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
