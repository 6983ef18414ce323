"""The pages: one module each, with `show(page)`, and what several of them draw. They lay out what the queries return.

A page holds no SQL and no computation of its own.

May import: app, app.parts, app.queries.
"""
