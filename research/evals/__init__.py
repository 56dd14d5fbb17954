"""Evaluators: `evaluate(predict, split, …)` yields measurements; who calls writes.

They take any `images → logits` (a network of ours is one), know perturbations, metrics
and the chain of stages, and no model. Each has a file in `conf/eval/`.

What is wrong with its parameters, for such a network and such examples, an evaluator
says when it is called, and computes when its measurements are asked for: so a run asks
before it trains (`research.runs.measure.checked`).
"""
