"""Types bronze rows and judges them by their contract: accepted versions, refused rows with reasons, and the balance
of both.

Natural ids end here: every later table knows only `customer_key`.

May import: bronze, contracts, graph, lakehouse, sources.
"""
