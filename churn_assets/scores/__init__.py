"""Scores and segments: what the champion of the time says about each customer, why, and what to do about it.

Models are fitted elsewhere; here they are only applied, in parallel and without a person's data leaving the lake.
"""
