"""The `churn-assets` command: one module per subject parses its options, calls the packages below, and prints for
people.

Nothing here computes a feature, a label, a score or a figure that another package could need.

May import: churn_assets, contracts, graph, lakehouse, ml, models, monitoring, replay, reporting, simulator,
sources, study, tracking.
"""
