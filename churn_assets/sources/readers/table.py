"""What the readers of all formats give beside the values, which are called by their place ("1", "2", ...)."""

ROW_NUMBER = "row_number"  # counts the rows of a file from 1
BROKEN = "broken"  # the row as written, where it does not parse
OTHERS = "others"  # what the contract does not know, as JSON
