"""Reports of a training for people: the examination, the leak report, the figures and the model card.

It computes with `ml.metrics` and renders with `reporting`.

May import: contracts, ml.metrics, ml.portable, ml.training, reporting.
"""
