"""One training: split by time, guard against leaks, fit, search, choose, blend, calibrate and test once.

Nothing is fitted outside the training part.

May import: contracts, ml.candidates, ml.metrics, ml.portable, reporting.
"""
