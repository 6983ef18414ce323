"""A simulated world lived through month by month: does the loop notice a change, and mend the model?

The jobs and the decisions are those of operation; only the clock is ours. What the loop decides stands in monitoring
and models, not here.
"""
