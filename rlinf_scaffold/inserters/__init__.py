"""The verbs for files that are not Python: insert at a named place, keep every other byte."""
