"""Measurements that the README quotes: run with `make bench`. Neither tests nor a part of the package."""
