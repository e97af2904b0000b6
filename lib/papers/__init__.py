"""The experiments, with one folder per paper; module nNN_... belongs to notebook NN."""
