"""One training: split by time, check for leaks, search, fit, choose, blend, calibrate and test once.

Transformation and candidates are fitted on the train part only.

May import: contracts, ml.candidates, ml.metrics, ml.portable, reporting.
"""
