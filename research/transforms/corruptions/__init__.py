"""The fifteen corruptions of CIFAR-10-C, and the movements of CIFAR-10-P beside them.

A corruption is a pure function `corrupt(image, rng, *arguments)` of one image (H, W, C)
in [0, 1], a NumPy generator, and what `conf/eval/corruptions.yaml` gives for a severity
or `conf/eval/sequences.yaml` for a frame. It computes on the host, as the published
sets were made, at any size and with any number of channels. Lengths are in pixels and
were chosen for 32×32.

References:
  D. Hendrycks, T. Dietterich, Benchmarking Neural Network Robustness to Common
  Corruptions and Perturbations, ICLR 2019 (arXiv:1903.12261); the severities are those
  of its `make_cifar_c.py`.
"""
