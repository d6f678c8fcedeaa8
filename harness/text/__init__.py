"""Answers to queries as text for a terminal: ASCII, 80 columns. One module per kind of answer, with a `to_text`."""
