"""Changes: who put what in force, why, on what evidence, and how to go back.

Nothing comes into force without its record: the record is written first, and its result after. What is changed is
changed elsewhere.

May import: contracts, lakehouse, operations.audit.
"""
