"""Hydra's sweepers of this project; Hydra finds what lies in `hydra_plugins`."""
