"""The page of the retention team: who is at risk, why, what to do, and what it brought.

It reads the release in force and nothing else of the pipeline. Streamlit is imported in this package only.

May import: access, lakehouse.engine, operations.audit, operations.log, serving.release.
"""
