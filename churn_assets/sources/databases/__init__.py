"""Reads tables and queries of databases: one read-only transaction, rows in batches, secrets from the environment.

Any database that SQLAlchemy speaks to goes through the same code; the differences of the four kinds are in one table.

May import: contracts, sources.
"""
