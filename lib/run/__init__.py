"""The notebook runner, batches, the command line."""
