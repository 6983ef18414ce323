"""Tables for people and BI tools: the current view of each customer, the customer's months, and every churn event.

They use today's knowledge, corrections included, and hold nothing personal.

May import: contracts, graph, history, lakehouse, silver.
"""
