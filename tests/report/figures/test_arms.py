import numpy as np
import pandas as pd
import pytest
import scipy.stats
from fake_runs import fake_run, fake_sweep

from research.errors import UserError
from research.report.figures.arms import arms, caption, proportions, select
from research.runs.tables import read_rows, read_runs


def labels(root):
    return sorted(set(arms(read_runs(root))["arm"]))


def test_arms_are_named_by_what_varies(tmp_path):
    fake_sweep(tmp_path, arms=["max", "aps"])
    assert labels(tmp_path) == ["aps", "max"]  # not by reduce, eval, seed, data, …
    changed = {"model": "tiny", "eval": ["cost"]}
    fake_run(tmp_path, "third", preset="max", seed=0, choices=changed)
    assert labels(tmp_path) == ["aps, chollet", "max, chollet", "max, tiny"]


def test_one_arm_has_its_presets_name(tmp_path):
    fake_run(tmp_path, "one", preset="blur", skill=(0.9, 0.9, 0.01))
    assert labels(tmp_path) == ["blur"]


def test_groups_below_count_where_they_tell_runs_apart(tmp_path):
    for reduce in ["max", "average"]:
        choices = {"downsample/reduce": reduce}
        fake_run(tmp_path, reduce, preset="max", choices=choices)
    assert labels(tmp_path) == ["reduce=average", "reduce=max"]


def test_config_keys_count_where_choices_do_not_tell_runs_apart(tmp_path):
    for taps in [3, 5]:
        for seed in [0, 1]:
            lowpass = {"lowpass": {"taps": taps}}
            config = {"downsample": lowpass, "data": {"seed": seed}}
            fake_run(tmp_path, f"{taps},{seed}", seed=seed, config=config)
    assert labels(tmp_path) == ["max, taps=3", "max, taps=5"]


def test_one_run_twice_is_no_two_seeds(tmp_path):
    for name in ["a", "b"]:
        fake_run(tmp_path, name)
    with pytest.raises(UserError, match=r"/a and .*/b are runs of one config and one"):
        arms(read_runs(tmp_path))


def test_select_wants_exactly_the_parameter(tmp_path):
    fake_run(tmp_path, "one")
    rows = read_rows(tmp_path)
    other = {"max_shift": 3, "compat": "aps_cifar"}
    rows = pd.concat([rows, rows.assign(params=[other] * len(rows))])
    assert list(select(rows, "circular", "agreement", "max_shift")["max_shift"]) == [3]
    far = select(rows, "zero", "agreement", "distance")
    assert list(far["distance"]) == [1, 2, 3, 4, 5, 6]
    assert len(select(rows, "accuracy", "accuracy")) == 1
    with pytest.raises(UserError, match="no rows of crop agreement at a max_shift on"):
        select(rows, "crop", "agreement", "max_shift")
    with pytest.raises(UserError, match="on split=validation"):
        select(rows, "accuracy", "accuracy", split="validation")


def rows_of(values, **more):
    return pd.DataFrame(
        {"arm": "max", "value": values, "low": [v - 0.1 for v in values], "n": 360}
        | {"high": [v + 0.1 for v in values], "interval": "bootstrap over examples"}
        | more
    )


def test_three_seeds_have_a_t_interval():
    values = [0.90, 0.92, 0.97]
    found = proportions(rows_of(values), ["arm"]).iloc[0]
    ends = scipy.stats.t.interval(
        0.95, 2, np.mean(values), scipy.stats.sem(values)
    )  # .84 to 1.02
    assert (found.low, found.high) == pytest.approx((ends[0], 1))
    assert (found.how, found.seeds, found.n) == ("t over seeds", 3, 360)


def test_two_seeds_have_the_mean_of_their_intervals():
    found = proportions(rows_of([0.5, 0.7]), ["arm"]).iloc[0]
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.5, 0.7))
    assert found.how == "bootstrap over examples"
    assert proportions(rows_of([0.5, 0.7]), ["arm"], fewest_seeds=2).how[0] == (
        "t over seeds"
    )


def test_seeds_without_spread_keep_the_intervals_over_examples():
    found = proportions(rows_of([1.0, 1.0, 1.0]), ["arm"]).iloc[0]
    assert (found.low, found.high) == pytest.approx((0.9, 1))


def test_no_interval_stays_none():
    found = proportions(rows_of([0.5], low=np.nan, high=np.nan, interval=""), ["arm"])
    assert np.isnan(found.low[0]) and np.isnan(found.high[0])
    assert caption(found) == "360 examples, 1 seed."


def test_caption_states_all():
    estimates = pd.DataFrame(
        {"n": [360, 1797], "seeds": [2, 3], "how": ["t over seeds", "x over examples"]}
    )
    assert caption(estimates) == (
        "360–1,797 examples, 2–3 seeds. Bars: 95 % t over seeds or x over examples."
    )
