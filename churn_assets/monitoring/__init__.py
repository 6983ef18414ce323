"""Measures each scored cohort once its labels have matured: realised AUC, drift, degradation, and the monthly page.

It reads scores and labels without Spark; only merges are followed with it. The automation package decides
what to do about a degradation.

May import: access, alerts, contracts, graph, history, lakehouse, ml, models, reporting, retention, silver, tracking.
"""
