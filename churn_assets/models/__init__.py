"""The training station of the asset graph: the training frame, the training asset, the timeline of champions, and the
decisions about it.

The machine learning itself is in `ml`; this package connects it to tables and to MLflow.

May import: contracts, graph, lakehouse, ml, reporting, tracking.
"""
