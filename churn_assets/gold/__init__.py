"""Gold: what people read. The current view of a customer, the customer's months, and every churn, by customer_key.

Told with today's knowledge, corrections included, but for spells and attributes of a customer's month, which are as
they were known at its end; what else was known at a past date is features. Nothing here is personal.
"""
