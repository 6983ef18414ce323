"""The whole program in processes of their own, as a user runs it."""
