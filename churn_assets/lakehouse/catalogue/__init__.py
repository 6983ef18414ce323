"""Describes every table of the lake with its columns.

Nothing here reads or writes. The writer compares frames with it; Dagster and docs/tables.md show it.

May import: contracts.
"""
