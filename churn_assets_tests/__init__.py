"""The tests mirror the package: what `churn_assets/x/y.py` promises is tested in `churn_assets_tests/x/test_y.py`."""
