"""The study of one flat file: reading, leaks, evaluation, report and scored file, on one machine without Spark and
Dagster.

Whatever needs sources, months or history belongs to the asset graph.

May import: contracts, inference, ml, reporting.
"""
