"""Figures of model quality: ranking, calibration, profit, fairness, stability and importance.

Functions take labels and scores and return figures with intervals.

May import: contracts, ml.portable, reporting.
"""
