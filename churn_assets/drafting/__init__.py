"""Drafts a business from files and living sources: guesses what it declares, and says how sure each guess is.

A draft is for a person to review. Nothing here reads tables or starts an engine, and nothing overwrites a file.

May import: contracts, inference, ml, sources.
"""
