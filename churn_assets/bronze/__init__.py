"""Every row as it was delivered, with its file and row number, and the values that do not fit its contract.

Bronze refuses no row and applies no rule; silver does that.

May import: contracts, graph, lakehouse, sources.
"""
