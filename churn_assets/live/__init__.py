"""Seconds from event to alert: follows the landing zone, and tells what a new row changes before the next morning does.

The rows of the customers who are touched are held in memory as the lake holds them, and pass through the same pure
functions as at night: contract, features, model, rules. So a probability is that of the morning by construction.
Nothing is written here but alerts, and a file of today for readers; what was delivered is ingested at night as always.

May import: access, alerts, bronze, contracts, extracts, features, graph, history, lakehouse, ml, models, operations,
scores, serving.release, silver, sources, tracking.
"""
