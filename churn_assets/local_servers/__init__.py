"""Servers on this machine for demos and tests, without containers. A class starts each of them, kills it and stops it.

No part of the pipeline needs one: companies have their own.

May import: lakehouse.
"""
