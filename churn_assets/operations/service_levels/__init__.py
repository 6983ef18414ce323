"""Service levels: what is promised, what was kept, and how much may still fail.

Pure functions measure; `levels` also keeps one row for each day and objective.

May import: contracts, lakehouse.
"""
