"""Readers of extract files: rows as Arrow tables, and staged as Parquet for any engine.

Memory stays bounded however large a file is, and nothing here needs Spark.

May import: contracts, sources.
"""
