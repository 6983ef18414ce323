"""What runs the product need to be operated: the structured log, audit, figures of operation, incidents, channels.

A package per subject; each says what it may import. `log` stands at the bottom, so that every station can use it; the
others stand above `graph` and `lakehouse`, because they keep tables. This package itself holds no module.

May import: nothing of this project.
"""
