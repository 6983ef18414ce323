"""Copies files of foreign folders into the landing zone, each once. The names of the copies are the only state.

Every store that fsspec speaks to goes through the same code; the differences of the six kinds are in one table.

May import: contracts, sources.
"""
