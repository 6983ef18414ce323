"""Starts and stops Spark: finding Java, fetching jars, choosing memory and settings, and the class archive.

No other package starts a JVM.

May import: nothing of this project.
"""
