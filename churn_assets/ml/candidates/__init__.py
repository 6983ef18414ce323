"""The kinds of models that a training compares, one module each, and the registry that lists them.

Fitting a candidate on a `TrainingPart` returns a portable scorer.

May import: ml.portable.
"""
