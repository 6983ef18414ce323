"""Acknowledgements of alerts that people give on the page: files that the pipeline reads later.

Whoever gives one is in the audit. The page knows nothing of the lake, so it leaves a file, which alerts/risk_alerts
takes in.

May import: operations.audit.
"""
