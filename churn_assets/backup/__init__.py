"""The backup of a home and its restore: restic keeps the files, this package makes the copy consistent and proves it.

Backups, restores, their proofs, drills, and the asset of the nightly backup. What lies where is known to the catalogue
of stores.

May import: contracts, graph, lakehouse, ml, models, operations, serving, tracking.
"""
