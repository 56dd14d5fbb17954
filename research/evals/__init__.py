"""Evaluators: `evaluate(predict, split, …)` yields measurements; who calls writes.

They take any `images → logits` (a network of ours is one), know perturbations, metrics
and the chain of stages, and no model. Each has a file in `conf/eval/`.
"""
