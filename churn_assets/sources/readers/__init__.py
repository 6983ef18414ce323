"""Extract files -> rows as Arrow tables -> Parquet files that an engine reads. No engine runs here.

May import: contracts, settings, months, sources.
"""
