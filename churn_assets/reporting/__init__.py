"""Documents for people: blocks rendered as HTML and Markdown, figures, and tables in a terminal.

No module here computes a result.

May import: nothing of this project.
"""
