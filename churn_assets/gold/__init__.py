"""Tables for people and BI tools: the current view of each customer, the customer's months, every churn event, churn
rates, and retention by month of joining.

They use today's knowledge, corrections included, and hold nothing personal.

May import: contracts, graph, history, lakehouse, reporting, silver.
"""
