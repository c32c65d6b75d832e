"""What is compiled: a step of many cells at once."""
