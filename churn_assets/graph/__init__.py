"""Shared parts of the Dagster assets: the `table_asset` decorator, month partitions, checks, and names that jobs and
sensors share.

No asset is defined here.

May import: contracts, lakehouse, operations, reporting.
"""
