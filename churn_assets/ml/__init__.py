"""The machine learning library: pure functions over frames and arrays.

It knows no tables, no MLflow and no Dagster, so that the asset graph and the study of a flat file share it.

May import: nothing of this project.
"""
