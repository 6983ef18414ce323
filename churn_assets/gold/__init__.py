"""Gold: what people read. The current view of a customer, the customer's months, and every churn, by customer_key.

Told with today's knowledge, corrections included; what was known at a past date is features. Nothing here is personal.
"""
