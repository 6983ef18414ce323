"""What turns labelled snapshots into one calibrated, explainable, portable model, as pure functions over frames.

Reading and writing tables does not belong here (lakehouse/), nor does talking to MLflow (tracking/).
"""
