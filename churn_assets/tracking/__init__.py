"""The only place that talks to MLflow: runs, the model registry, and getting a model back from it.

What a training computes does not belong here (models/); nothing that leaves here holds a customer key or a row of data.
"""
