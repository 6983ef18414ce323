"""Messages and the channels that deliver them. The outbox keeps each message until its channel has accepted it.

One class for each kind of channel, each in its own module. No module here decides what is worth a message.

May import: contracts, lakehouse.engine, operations.audit.
"""
