"""churn_assets: point-in-time churn prediction as a Dagster asset graph over Delta tables.

Nothing is done here; `churn_assets.definitions` builds the graph, `churn_assets.cli.main` is the command.
"""
