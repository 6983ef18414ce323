"""Sets up an installation: the roles of the container image and the Dagster home folder.

No module here touches data.

May import: lakehouse.engine, operations.log.
"""
