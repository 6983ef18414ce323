"""What a run would say of the landing files, from a sample and without an engine.

The verdicts are those of silver: a test compares both on the same rows. Every step is a pure function over values.

May import: contracts, inference, sources.
"""
