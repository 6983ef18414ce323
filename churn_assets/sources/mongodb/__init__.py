"""Asks collections of MongoDB. Documents become JSON lines, each with all of its members.

What JSON lacks becomes text: ids, days and moments, exact numbers. No secret and no value is in a message.

May import: contracts, sources.
"""
