"""A demo of sources that are asked: a simulated company keeps them in a PostgreSQL database and behind a REST service.

Both are filled day by day as the company delivers, and asked each evening, so that the landing zone holds extracts.

May import: contracts, extracts, local_servers, sources.
"""
