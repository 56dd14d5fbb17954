"""One job among many: who runs it, how it stands, how it is stopped and resumed.

A folder of run folders is all there is to look at: there is no server and no database.
Nothing but `following` needs JAX, and nothing Hydra. Imports `research.files`,
`research.distributed`, `research.errors`.
"""
