"""What several stations ask of silver: which version of a row was known at a date, which spells were running then, and
until when each source is known.

What asks for rows is a pure function over DataFrames; what asks for months reads silver/reconciliation alone.

May import: contracts, graph, lakehouse, silver, sources.
"""
