"""Sweeps that survive: who runs a job, how it stands, and how a launch ends.

Nothing here knows JAX or Hydra: a folder of run folders is all there is to look at.
"""
