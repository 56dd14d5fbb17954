"""What evaluators share: predictors, chains of steps, orbits, receptive fields.

Every classifier, ours or somebody else's, is called through here, on arrays of any
length and over several devices.
Imports `research.models.network`, `research.downsample`, `research.data.split`,
`research.transforms`, `research.tasks`, `research.distributed`, `research.nn`,
`research.progress`.
"""
