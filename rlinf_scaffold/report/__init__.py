"""Values to what people and machines read; pure."""
