"""Campaigns: when each was planned, approved, exported and closed, and by whom.

The records are kept here. What is planned and exported is computed elsewhere.

May import: lakehouse.
"""
