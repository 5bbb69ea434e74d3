"""What a HuggingFace base is, read from source and config.json, without importing torch."""
