"""Measures each scored cohort once its labels have matured: realised AUC, drift, degradation, and the monthly page.

It reads scores and labels and starts no Spark; what to do about a degradation is decided in automation.

May import: contracts, graph, lakehouse, ml, models, reporting, silver, tracking.
"""
