"""The records that people who operate the product need: messages, incidents, changes.

Its packages know the settings, the contracts and the lake. They know neither Dagster nor a station of the pipeline.

May import: nothing of this project.
"""
