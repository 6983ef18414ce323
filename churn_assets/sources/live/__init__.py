"""Extracts that this product makes itself, of sources that answer questions: how rows become one whole file.

Knows no kind of source: a kind brings tables of rows, and here they become a Parquet file in the landing zone that
tells in its footer what was asked. There is no other state.

May import: contracts, sources.
"""
