"""A seeded synthetic world (telecom, shop) that delivers extract files as real source systems would, with truth beside them.

Nothing here reads or writes a Delta table, and nothing outside tests and demos may read the truth folder.
"""
