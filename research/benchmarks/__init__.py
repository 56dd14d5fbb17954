"""How fast we are, and beside it PyTorch and plain XLA, interleaved in one run."""
