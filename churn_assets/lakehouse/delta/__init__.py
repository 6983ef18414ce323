"""Two ways to read and write a Delta table: as files on this machine, or through Delta's Spark connector.

Only `lakehouse.lakehouse` calls this package; what audits a draft knows the protocol `Draft`.

May import: lakehouse.engine.
"""
