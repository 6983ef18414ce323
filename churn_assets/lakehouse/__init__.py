"""The only package that reads and writes Delta tables; its catalogue lists every table.

What a table means is decided by the stations, which hand finished frames to the writer.

May import: contracts.
"""
