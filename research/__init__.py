"""Translation-invariance experiments: images → stages → readout → rows → figures."""
