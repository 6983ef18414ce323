"""Measurements that the README quotes; run them with `make bench`. They are neither tests nor part of the package."""
