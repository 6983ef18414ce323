"""Events: the log and the audit of all homes that share a lake, as tables.

A home takes what its own files hold beyond what the table has of them, so that each line is a row once. The files stay
what they are.

May import: lakehouse, operations.audit, operations.incidents, operations.log.
"""
