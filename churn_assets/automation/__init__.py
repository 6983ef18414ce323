"""Jobs, schedules, sensors, freshness policies and the checks that sources deliver on time.

The rules that decide what to run are pure functions. No module here transforms data or fits a model.

May import: alerts, bronze, contracts, extracts, features, graph, history, lakehouse, models, monitoring, operations,
retention, serving, silver, sources.
"""
