"""What the notebooks in notebooks/ call, so that they hold no logic of their own.

``study`` opens a report and shows its tables, plots and sentences; ``tiny`` compiles and encodes a C program of a few
lines. It stands last: it imports harness.report and is imported by nothing.
"""
