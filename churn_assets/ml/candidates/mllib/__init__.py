"""Spark MLlib: the matrix as a Spark frame, and the trees that MLlib fits on it."""
