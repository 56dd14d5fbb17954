"""What evaluators share: predictors, chains of steps, orbits in closed form.

Every classifier, ours or somebody else's, is asked through here, over arrays of any
length and several devices. Imports `research.models.network`, `research.transforms`,
`research.distributed`.
"""
