"""A release on disk or in an object store: its layout, its writer, its proof and its reader.

Whoever reads a release needs neither Spark, Dagster and MLflow nor the lake.

May import: contracts, ml.portable.
"""
