"""The training asset: the training frame, the training itself, the timeline of champions, and promotion decisions.

The machine learning is in `ml`; this package connects it to the tables and to MLflow.

May import: contracts, graph, history, lakehouse, ml, operations, reporting, tracking.
"""
