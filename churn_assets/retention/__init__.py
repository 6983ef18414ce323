"""Whom to contact with which offer: what customers are worth, the plan of a month's campaign, its budget curve, its
approval and its export; and what campaigns brought.

Effects are measured on randomised contacts as known at the as_of_date; a plan never uses anything known later.

May import: alerts, contracts, features, graph, history, lakehouse, ml, operations, reporting, scores,
silver, tracking.
"""
