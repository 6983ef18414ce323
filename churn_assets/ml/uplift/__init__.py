"""What an offer changes, customer by customer: learners of effects, and their judgement on randomised contacts.

An effect is the fall of the churn probability by the offer; below 0 the offer drives the customer away.

May import: nothing of this project.
"""
