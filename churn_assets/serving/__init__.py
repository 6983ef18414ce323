"""The release: one immutable folder with all that a service, a page or a report needs, and nothing else.

The assets here collect it from the lake; `release` writes, verifies and reads it without the lake.

May import: alerts, contracts, graph, history, lakehouse, ml, monitoring, operations,
retention, silver, tracking.
"""
