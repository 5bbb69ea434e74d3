"""What a model needs of memory on each rank: its units, and the arithmetic on them."""
