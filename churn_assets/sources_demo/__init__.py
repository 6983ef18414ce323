"""Demos of sources that are no files.

A simulated company keeps its rows in a PostgreSQL database and behind a REST service. Both are filled day by day as
the company delivers, and asked each evening, so that the landing zone holds extracts. Or what a day brings is sent to
topics of Kafka.

May import: contracts, extracts, local_servers, sources.
"""
