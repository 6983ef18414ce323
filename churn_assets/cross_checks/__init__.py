"""What sources say of each other, asked month by month after all of them are in silver: ids that the related source
never delivered, customers who have left by one source and not by another, merges without a survivor.

A check gives problems. What they are worth, `silver/findings` and a refused month, is decided in one asset.

May import: contracts, graph, history, lakehouse, silver.
"""
