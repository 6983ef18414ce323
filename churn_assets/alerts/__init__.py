"""Alerts: which changes of current scores are told, to whom, and what became of the customers; and the push of changed
scores into a CRM.

The rules are pure functions over small frames. Messages go through the outbox of `operations.channels`.

May import: contracts, features, graph, history, lakehouse, ml, operations, silver.
"""
