"""The only package that reads and writes Delta tables; its catalogue lists every table.

The stations compute the frames and decide what a table means; this package only stores them.

May import: contracts.
"""
