"""The only package that uses MLflow: training runs, the model registry, and loading a registered model.

It never sends a customer key or a row of data to MLflow.

May import: ml, reporting.
"""
