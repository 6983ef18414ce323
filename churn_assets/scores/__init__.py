"""The assets that score every cohort with the champion at its as_of_date: probability, decile, reasons and segment;
and the survival view of the scored cohorts.

This package applies models; `ml` fits them and `models` chooses the champion. The hazards of the survival view are
learned anew for each cohort.

May import: contracts, graph, history, lakehouse, ml, models, silver, tracking.
"""
