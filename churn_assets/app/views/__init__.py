"""The pages: one module each, with `show(page)`, and what several of them draw. They lay out what the queries return.

The package is not called `pages`: Streamlit would take a folder of that name beside main.py for pages of its own, and
run its modules as scripts. A page holds no SQL and no computation of its own.

May import: app, app.parts, app.queries, ml.metrics, ml.portable, operations.acknowledgements, operations.audit,
operations.campaign_requests, operations.log, reporting, serving.release.
"""
