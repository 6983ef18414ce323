"""The `churn-assets` command. Each module parses the options of its commands, calls other packages, and prints the
result.

No module here computes a feature, a label, a score or a figure that another package could need.

May import: access, alerts, app, backup, churn_assets, api, contracts, deployment, drafting, extracts, graph, history,
lakehouse, live, local_servers, metrics, ml, models, monitoring, operations, replay, reporting, retention, serving,
silver, simulator, sources, sources_demo, study, tracking.
"""
