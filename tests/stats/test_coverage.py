import pytest

from research.stats import coverage


@pytest.mark.slow  # simulates thousands of intervals
@pytest.mark.parametrize("agreement", [0.9, 0.995])
@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_t_on_log_flip_rates_covers_at_ten_seeds(agreement, spread):
    found = coverage.cover_flip_ratio(agreement, spread=spread, trials=1500)
    assert 0.93 <= found <= 0.97


QUICK = {"trials": 400, "examples": 60, "resamples": 400}


@pytest.mark.slow  # simulates thousands of intervals
def test_the_crossed_bootstrap_is_short_for_few_seeds():
    few, many = (coverage.cover_crossed(n, share=0.9, **QUICK) for n in (4, 16))
    assert 0.75 < few.crossed < 0.9 < many.crossed < 0.98
    assert 0.91 < few.same_images < 0.98


@pytest.mark.slow  # simulates thousands of intervals
def test_t_over_seeds_is_of_the_images_at_hand():
    found = coverage.cover_crossed(10, share=0.2, **QUICK)
    assert found.seeds < 0.85 and 0.91 < found.same_images < 0.98
    assert found.crossed > 0.91


def test_the_command_prints_both_tables(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["coverage", "2"])
    coverage.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 18 + 1 + 2 + 12
    assert lines[0].startswith("t on log flip rates, 10 seeds") and "%" in lines[-1]
