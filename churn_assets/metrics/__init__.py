"""Operational figures in the format of Prometheus: of the last steps and runs, of sources, tables and records.

The figures are read from the lake, the log and Dagster's records; nothing is computed anew and no engine starts. What
is not known has no sample, because 0 would be a figure.

May import: contracts, history, lakehouse, operations, silver.
"""
