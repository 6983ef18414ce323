"""Problems: what several incidents have in common, its cause, and how to live with it. Persons write them.

Incidents name their problem; nothing here opens or closes an incident.

May import: lakehouse.
"""
