"""What the texts of a file mean: its encoding, delimiter and header, and the notations of its numbers and dates.

Everything here is a guess from the values alone; no declaration is read.

May import: nothing of this project.
"""
