"""Arms are what identity says; their labels are what differs."""

import pytest
from fake_runs import fake_run, fake_sweep

from research.errors import UserError
from research.report.arms import label_arms
from research.runs.tables import read_runs


def labels(root):
    return sorted(set(label_arms(read_runs(root))["arm"]))


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
            config = {"downsample": {"lowpass": {"taps": taps}}}
            fake_run(tmp_path, f"{taps},{seed}", seed=seed, config=config)
    assert labels(tmp_path) == ["max, taps=3", "max, taps=5"]


def test_one_run_twice_is_no_two_seeds(tmp_path):
    for name in ["a", "b"]:
        fake_run(tmp_path, name)
    with pytest.raises(UserError, match=r"/a and .*/b are runs of one config and one"):
        label_arms(read_runs(tmp_path))


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"dir": "elsewhere", "overrides": "data=digits,data.dir=elsewhere"}},
        {"eval": {"shift": {"examples": 7}}},
        {"train": {"sync_steps": 3}, "distributed": {"processes": 2}},
        {"retry": "failed"},
    ],
)
def test_what_trains_nothing_else_is_no_other_arm(tmp_path, more):
    for seed, config in enumerate([{}, more]):
        fake_run(tmp_path, str(seed), preset="max", seed=seed, config=config)
    fake_run(tmp_path, "other", preset="aps")
    assert labels(tmp_path) == ["aps", "max"]


def test_code_that_moved_trains_the_same(tmp_path):
    for seed, room in enumerate(["research.losses", "research.tasks.losses"]):
        config = {"loss": {"_target_": f"{room}.cross_entropy"}}
        fake_run(tmp_path, str(seed), preset="max", seed=seed, config=config)
    assert labels(tmp_path) == ["max"]


def test_a_bundle_names_what_it_sets(tmp_path):
    for setting, epochs in [("cpu/small", 2), ("cpu/mnist", 3)]:
        config = {"train": {"epochs": epochs}}
        fake_run(tmp_path, setting, choices={"setting": setting}, config=config)
    assert labels(tmp_path) == ["cpu/mnist", "cpu/small"]


def test_a_group_that_some_runs_lack_still_labels(tmp_path):
    fake_run(tmp_path, "without", preset="max")
    fake_run(tmp_path, "with", preset="max", choices={"model/head": "gap"})
    runs = read_runs(tmp_path)
    assert sorted(label_arms(runs)["arm"]) == ["head=gap", "max"]
    numbers = runs.assign(**{"model/head": [1.5, float("nan")]})  # a float column
    assert sorted(label_arms(numbers)["arm"]) == ["head=1.5", "max"]
