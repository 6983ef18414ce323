"""How an installation is set up: the roles of the container image and the Dagster home folder.

Nothing here touches data.

May import: nothing of this project.
"""
