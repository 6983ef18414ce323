"""Audit: who did what to whose data, as a chain of records in which a change shows.

`chain` adds records and makes key and anchor, `verification` finds what was edited, removed, reordered or cut off,
`witnesses` read what the log and the lake tell of the records. What is audited is done elsewhere, after its record was
written.

May import: lakehouse, operations.log.
"""
