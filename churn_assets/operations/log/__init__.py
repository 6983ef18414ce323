"""The structured log: one JSON object per line with OpenTelemetry's names, in files below CHURN_HOME/log.

`writing` starts it, which only entry points do. Logging neither blocks nor fails what it reports on.

May import: nothing of this project.
"""
