"""Describes every store that is no table, by what it is of. Nothing here reads or writes.

May import: nothing of this project.
"""
