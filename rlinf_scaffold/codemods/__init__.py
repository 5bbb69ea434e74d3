"""libcst verbs, str -> str: each adds one thing where the file already has its like."""
