"""One module per verb of the command line, each a short list of steps."""
