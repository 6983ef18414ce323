"""How good the model has been, month by month, on labels that have matured, and whether that calls for a new one.

It reads scores and labels and judges; training and promotion stand in models, and nothing here starts Spark.
"""
