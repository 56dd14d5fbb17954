"""Around a classifier, without training: other views of the image, one mean answer.

A wrapper says which views the classifier sees in the place of an image
(`wrapper.Wrapper`); one kind a file, and `wrap=` chooses it. It takes networks of ours
and anybody else's, logits and embeddings alike.
Imports `research.nn`, `research.types`, `research.errors`.
"""
