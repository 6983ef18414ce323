"""The only package that talks to MLflow: training runs, the model registry, and loading a registered model.

Nothing that leaves here holds a customer key or a row of data.

May import: ml, reporting.
"""
