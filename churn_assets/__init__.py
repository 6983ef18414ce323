"""Point-in-time churn prediction as a Dagster asset graph over Delta tables.

`definitions` builds the graph, `runs` runs a job in this process, and `cli.main` is the command line. Importing this
package does nothing.

May import: alerts, automation, backup, bronze, contracts, cross_checks, deployment, features, gold, graph, lakehouse,
models, monitoring, operations, reporting, retention, scores, serving, silver, tracking.
"""
