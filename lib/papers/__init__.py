"""The experiments, a folder per paper; module nNN_... belongs to notebook NN."""
