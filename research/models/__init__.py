"""Networks: chains of stages and a readout, downsampling and padding injected."""
