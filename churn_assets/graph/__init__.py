"""How a table becomes a Dagster asset: the shared decorator, month partitions, checks, and names that jobs and
sensors share.

No asset is defined here.

May import: contracts, lakehouse, reporting.
"""
