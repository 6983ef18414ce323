"""What all pages share: headers, figures, tables, charts, and filters that lie in the address.

A part knows how something looks, and nothing of churn.

May import: app, contracts, reporting.
"""
