"""What a business declares: source contracts (ODCS v3.1) and `churn.yaml`, read and validated into frozen objects.

Nothing here reads data or knows Spark or Dagster.

May import: nothing of this project.
"""
