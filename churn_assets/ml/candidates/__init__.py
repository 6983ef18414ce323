"""The kinds of models that compete in a training, one module each, and the registry that lists them.

A candidate is fitted on a `TrainingPart` and returns a portable scorer.

May import: ml.portable.
"""
