"""Asks the sources that answer questions, and puts what they answer into the landing zone as extracts.

Bronze reads these files like those that others deliver; it does not know where they come from.

May import: contracts, graph, lakehouse, operations, sources.
"""
