"""Drills: each loses something in a scratch copy, brings it back, and measures how long that takes.

The living home is only read, and gets one record per drill. What is lost and how it comes back is one function each.

May import: backup, contracts, lakehouse, models, tracking.
"""
