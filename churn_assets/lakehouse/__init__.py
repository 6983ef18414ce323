"""The only code that starts Spark or writes Delta: Java, jars, the session, the table catalogue and the writer.

What the tables mean does not belong here; the layers decide that and hand finished frames to the writer.
"""
