"""Seeded synthetic worlds (telecom, shop) that deliver extract files as real systems would, with truth beside.

Nothing here reads or writes a Delta table, and nothing outside tests and demos may read the truth folder.
"""
