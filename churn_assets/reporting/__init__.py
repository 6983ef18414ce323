"""Documents for people: blocks rendered as HTML and Markdown, figures, and tables in a terminal.

Nothing here computes a result.

May import: nothing of this project.
"""
