"""A study of one flat file: what a newcomer has today, judged honestly, on one machine, without Spark and Dagster.

Reading with all the traps of exported files, leaks, evaluation, report and scored file belong here; what has sources,
months and history belongs to the asset graph.
"""
