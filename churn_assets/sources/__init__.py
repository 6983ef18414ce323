"""Where source data comes from: the simulator today, connectors of live systems when they are asked for.

Everything here ends in extract files in the landing zone, or reads those files (readers), without an engine; bronze
makes tables of what the readers give.
"""
