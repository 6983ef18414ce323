"""What a person reads about a training: the examination, the leak report, the figures and the model card.

It computes with `ml.metrics` and writes with `reporting`.

May import: contracts, ml.candidates, ml.metrics, ml.portable, ml.training, reporting.
"""
