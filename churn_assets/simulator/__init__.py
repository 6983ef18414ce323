"""Seeded synthetic businesses (telecom, shop): extracts as real systems deliver them, and the truth in other files.

Only tests, demos and replays may read the truth.

May import: contracts, reporting.
"""
