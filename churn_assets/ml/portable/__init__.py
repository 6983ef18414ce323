"""The portable model as plain arrays: transformation, scorer and calibration, with reasons and what-if answers.

Scoring needs numpy and pandas only, and a stored model contains no executable code.

May import: contracts.
"""
