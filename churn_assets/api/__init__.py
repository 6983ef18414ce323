"""The HTTP service: scores, reasons and what-if answers of the release in force, for other applications.

It reads releases and nothing else of the pipeline: neither the lake nor Spark, Dagster or MLflow.

May import: access, lakehouse.engine, ml.portable, operations.audit, operations.log, serving.release.
"""
