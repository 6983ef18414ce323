"""Where source data comes from: the simulator today, readers of live systems when they are asked for.

Everything here ends in extract files in the landing zone; reading those files into tables belongs in bronze.
"""
