"""Asks REST services: page after page, at the pace that they allow, with the login that the contract declares.

What a service answers becomes JSON lines, each document as it came. No address, parameter or answer is in a message.

May import: contracts, sources.
"""
