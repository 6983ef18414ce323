"""Seeded synthetic businesses (telecom, shop) that deliver extracts as real systems do, with the truth beside them.

Only tests, demos and replays may read the truth.

May import: contracts, reporting.
"""
