"""The assets that score every cohort with the champion at its as_of_date: probability, decile, reasons and segment;
the survival view of the scored cohorts; and the scores of days between month ends.

This package applies models; `ml` fits them and `models` chooses the champion. The hazards of the survival view are
learned anew for each cohort.

May import: contracts, features, graph, history, lakehouse, ml, models, silver, tracking.
"""
