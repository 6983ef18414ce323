"""The landing zone: which files it contains, what arrived since the last look, and readers that turn files into rows.

Nothing here needs Spark or Dagster.

May import: contracts, inference.
"""
