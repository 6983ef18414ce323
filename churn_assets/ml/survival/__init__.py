"""When customers leave: follow-up from settled labels, hazards in discrete time, retention curves, and their judgement.

Time is counted in steps: a step is as many whole months as the outcome window lasts.

May import: ml.portable.
"""
