"""What evaluators share: predictors, chains of steps, orbits, receptive fields.

Every classifier, ours or somebody else's, is asked through here, over arrays of any
length and several devices. Imports `research.models.network`, `research.transforms`,
`research.tasks`, `research.distributed`.
"""
