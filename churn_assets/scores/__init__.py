"""The assets that score every cohort with the champion of its time: probability, decile, reasons and segment.

Models are only applied here; they are fitted in `ml` and chosen in `models`.

May import: contracts, graph, lakehouse, ml, models, silver, tracking.
"""
