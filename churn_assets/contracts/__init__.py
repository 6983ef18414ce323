"""Reads the declarations of a business, source contracts (ODCS v3.1) and `churn.yaml`, into validated, frozen objects.

Nothing here reads data or imports Spark or Dagster.

May import: nothing of this project.
"""
