"""Tells whether the SQL of a business means the same on Spark and on Sail, before an engine starts.

What is on the list of this package is proven by a test on both engines; anything else counts as different.

May import: contracts.
"""
