"""The same computations in PyTorch, channels-last: what the benchmarks race against."""
