"""Trainers of one TopK step, ours and the peers': every file is a process that `benchmarks.contender` drives."""
