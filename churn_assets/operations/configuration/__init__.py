"""Configuration items: what this deployment consists of, by digest, day by day.

Items are generated from what is in force; nobody types them. No module here changes an item.

May import: contracts, lakehouse.
"""
