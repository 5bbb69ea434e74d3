"""Run a generated smoke test in an interpreter of the user's and read what it reports."""
