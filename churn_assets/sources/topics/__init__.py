"""Reads topics of Kafka: each message once, in the order of its partition, into extracts that tell what they hold.

The extracts in the landing zone are the only state. What the broker is told about the group is for its own pages.

May import: contracts, sources.
"""
