"""The tables of a release in a database, for tools of business intelligence.

A publication replaces all rows in one transaction. Tables are never dropped, so views that users build stay.

May import: operations.audit, serving.release.
"""
