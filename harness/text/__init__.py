"""What a terminal gets of a query: ASCII of 80 columns. One module for each kind of answer, with a `to_text`."""
