"""Runs normal operation over a simulated world month by month, and measures whether the retraining loop notices a
change and repairs the model.

It uses the jobs and decisions of normal operation. Only the clock is simulated.

May import: automation, churn_assets, contracts, graph, lakehouse, ml, models, operations, reporting, retention,
simulator.
"""
