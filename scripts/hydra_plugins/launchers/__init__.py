"""Hydra's launchers of this project; Hydra finds what lies in `hydra_plugins`."""
