"""Names of the columns that readers add to the values; the values' columns are "1", "2", ... by position."""

ROW_NUMBER = "row_number"  # counts the rows of a file from 1
BROKEN = "broken"  # the original text of a row that does not parse
OTHERS = "others"  # members that the contract does not name, as JSON
