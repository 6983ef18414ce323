"""The point-in-time features of every customer at every as_of_date, and the labels that say what happened afterwards.

Every row is read as it was known at the as_of_date; nothing is fitted to data here.

May import: contracts, graph, history, lakehouse, silver.
"""
