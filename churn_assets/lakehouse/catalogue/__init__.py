"""What the product keeps: every table with its columns, and every other store under CHURN_HOME.

Nothing here reads or writes; the writer compares frames with it, and Dagster and docs/tables.md show it.

May import: contracts.
"""
