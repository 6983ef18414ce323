"""Every delivered row as it was delivered, with its file and row number, and whatever did not fit its contract.

No row is refused here and no rule is applied; silver does that.

May import: contracts, graph, lakehouse, sources.
"""
