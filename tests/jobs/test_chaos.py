"""Kill -9 of workers and of the launcher changes nothing: the 40-job one, in short."""

import pytest
from chaos import chaos


@pytest.mark.slow  # two sweeps, one of them many times over
def test_a_sweep_under_kill_9_ends_bit_by_bit_as_one_that_was_left_alone(tmp_path):
    figures = chaos(tmp_path, jobs=4, epochs=6, kills=3, launchers=1, seed=7)
    assert figures.launchers == 1 and figures.workers >= 1, figures
    assert figures.launches >= 2 and figures.attempts >= figures.jobs, figures
