"""What several stations ask of silver: which version of a row was known at a date, and which spells were running
then.

Everything is a pure function over DataFrames.

May import: contracts.
"""
