"""Jobs, schedules, sensors, freshness policies and the checks that a source delivers on time.

Rules that decide what to run are pure functions; no module here transforms data or fits a model.

May import: bronze, contracts, features, graph, lakehouse, models, monitoring, silver, sources.
"""
