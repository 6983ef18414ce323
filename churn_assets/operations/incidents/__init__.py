"""Incidents: what opens one, how urgent it is, who works on it, and the evidence that it is over.

The rules are pure functions over records; `store` keeps the records in the lake. What is wrong is found elsewhere
and handed over as conditions.

May import: contracts, lakehouse, operations.channels, operations.log.
"""
