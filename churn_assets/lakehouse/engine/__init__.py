"""Starts and stops the engine that computes frames: Sail, or Spark in a JVM, behind one session.

`session` is the door, `choice` chooses, `frames` holds what differs in the use of a frame. For Spark: finding Java,
fetching jars, and choosing memory and settings. No other package knows which engine runs.

May import: contracts.
"""
