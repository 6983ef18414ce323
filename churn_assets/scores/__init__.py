"""The assets that score every cohort with the champion at its as_of_date: probability, decile, reasons and segment.

This package only applies models; `ml` fits them and `models` chooses the champion.

May import: contracts, graph, history, lakehouse, ml, models, silver, tracking.
"""
