"""What the pages show, as pure functions of a release and the filters. They return frames and small records.

Nothing here knows Streamlit, so that each answer can be compared with another computation.

May import: app, contracts, ml.metrics, ml.portable, operations.campaign_requests, reporting,
serving.release.
"""
