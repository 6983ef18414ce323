"""Features and labels: what was known about a customer at an as_of_date, and what became of the customer afterwards.

Everything here asks "known by when?" of every row; nothing is fitted to data here, that is models.
"""
