"""The landing zone: which files lie there, what arrived since the last look, and readers that turn files into rows.

Nothing here needs Spark or Dagster.

May import: contracts.
"""
