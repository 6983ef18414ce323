"""What people ask for on the page Campaign: that a campaign is approved, exported or closed.

The page knows nothing of the lake, so it leaves a file, and the pipeline answers in the same file. What is asked for is
done elsewhere, by the same acts as on the command line.

May import: operations.audit.
"""
