"""What runs when: jobs, schedules, what late data and matured labels call for, and how fresh everything must be.

Here belongs no work on data, and no judgement of a model: sensors for those stand in sources/ and monitoring/.
"""
