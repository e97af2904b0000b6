"""One TopK training step each, ours and the peers': every file is a process that `benchmarks.contender` drives."""
