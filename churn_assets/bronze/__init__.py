"""Bronze: every delivered row as delivered, with where it came from and whatever did not fit its contract.

Rows are neither typed (but for Parquet, which is) nor refused nor counted against rules here; that is silver.
"""
