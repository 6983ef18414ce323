"""What several stations ask of silver: which version of a row was known at a date, which spells were running then, and
until when each source is known.

What follows versions is a pure function over DataFrames; what asks for months reads silver/reconciliation alone.
`people` and `treatments` read a few rows without an engine.

May import: contracts, graph, lakehouse, silver, sources.
"""
