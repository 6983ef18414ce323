"""The model that leaves training, as plain arrays: transformation, scorer and calibration, with reasons and what-if
answers.

It needs numpy and pandas only, and nothing in it can execute code.

May import: contracts.
"""
