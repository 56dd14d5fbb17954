"""The same computations in PyTorch, channels-last: who the benchmarks race against."""
