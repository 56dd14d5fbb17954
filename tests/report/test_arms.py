"""Arms are what identity says; their labels are what differs."""

import pytest
from fake_runs import fake_run, fake_sweep

from research.errors import UserError
from research.report.arms import label_arms
from research.report.figures.style import PRESETS, style_arms
from research.report.results import Results
from research.report.tables import summary
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


def test_a_label_names_every_difference_from_the_others(tmp_path):
    """Rates and lengths of training count beside what is compared."""
    rates = {"max": 0.001, "aps": 0.003}
    for preset, rate in rates.items():
        optim = {"optim": {"learning_rate": rate}, "train": {"epochs": 20}}
        fake_run(tmp_path, preset, preset=preset, config=optim)
    assert labels(tmp_path) == ["aps, learning_rate=0.003", "max, learning_rate=0.001"]
    for epochs in (2, 3):
        more = {"optim": {"learning_rate": 0.001}, "train": {"epochs": epochs}}
        fake_run(tmp_path, f"{epochs}", preset="max", config=more)
    assert labels(tmp_path) == [
        "aps, learning_rate=0.003, epochs=20",
        "max, learning_rate=0.001, epochs=2",
        "max, learning_rate=0.001, epochs=20",
        "max, learning_rate=0.001, epochs=3",
    ]


def test_what_an_option_sets_is_not_repeated(tmp_path):
    """A key of a group in the label is named where runs of one option differ."""
    taps = {"max": None, "max_blur": 3, "wide": 5}
    for name, count in taps.items():
        config = {"downsample": {"lowpass": {"taps": count}}} if count else {}
        preset = "max" if name == "max" else "max_blur"
        fake_run(tmp_path, name, preset=preset, config=config)
    assert labels(tmp_path) == ["max", "max_blur, taps=3", "max_blur, taps=5"]


def test_an_option_below_another_counts_where_that_does_not_decide_it(tmp_path):
    for model, reduce in [("tiny", "max"), ("chollet", "average")]:
        choices = {"model": model, "downsample/reduce": reduce}
        fake_run(tmp_path, model, preset="max", choices=choices)
    assert labels(tmp_path) == ["chollet, reduce=average", "tiny, reduce=max"]


def test_a_padding_that_follows_the_networks_is_named_once(tmp_path):
    for padding, kept in [("circular", "circular"), ("valid", "reflect")]:
        parts = {"reduce": {"padding": padding}, "lowpass": {"padding": kept}}
        config = {"model": {"padding": padding}, "downsample": parts}
        fake_run(tmp_path, padding, preset="max_blur", config=config)
    assert labels(tmp_path) == ["max_blur, padding=circular", "max_blur, padding=valid"]
    config = {
        "model": {"padding": "valid"},
        "downsample": {"reduce": {"padding": "valid"}},
    }
    config["downsample"]["lowpass"] = {"padding": "valid"}
    fake_run(tmp_path, "odd", preset="max_blur", config=config)
    assert len(labels(tmp_path)) == 3


def test_keys_of_one_name_are_named_in_full(tmp_path):
    for rate, decay in [(0.1, 0.2), (0.3, 0.4)]:
        config = {"optim": {"decay": rate}, "averaging": {"decay": decay}}
        fake_run(tmp_path, str(rate), preset="max", config=config)
    fake_run(tmp_path, "high", preset="max", config={"precision": {"train": "high"}})
    assert labels(tmp_path) == [
        "max, optim.decay=0.1, averaging.decay=0.2, precision.train=default",
        "max, optim.decay=0.3, averaging.decay=0.4, precision.train=default",
        "max, precision.train=high",
    ]


def foreign_run(root, name, predict="mine:ink", **more):
    """A command that evaluates somebody else's classifier: its other choices idle."""
    config = {"predict": predict, "optim": {"learning_rate": 0.001}}
    return fake_run(root, name, epochs=0, config=config, **more)


def test_a_foreign_classifier_has_its_own_name_and_look(tmp_path):
    fake_run(tmp_path, "max", preset="max", config={"optim": {"learning_rate": 0.003}})
    foreign_run(tmp_path, "theirs", preset="max", choices={"model": "tiny"})
    arms = Results.read(tmp_path).arms
    assert sorted(arms["arm"]) == ["max", "mine:ink"]
    styles = style_arms(arms)
    assert styles["max"][:2] == PRESETS["max"] != styles["mine:ink"][:2]
    assert styles["mine:ink"][:2] not in PRESETS.values()


def test_two_commands_evaluate_one_foreign_classifier(tmp_path):
    """Whatever else they say; what both have measured counts once."""
    foreign_run(tmp_path, "a", preset="max", examples=200)
    foreign_run(tmp_path, "b", preset="aps", seed=1, choices={"eval": ["shift"]})
    foreign_run(tmp_path, "c", predict="mine:other", choices={"data": "mnist"})
    results = Results.read(tmp_path)
    assert set(results.arms["arm"]) == {"mine:ink, digits", "mine:other, mnist"}
    table = summary.tabulate(results).set_index("arm")
    assert list(table["seeds"]) == [1, 1] and list(table["n"]) == [360, 360]


def test_an_untrained_network_is_called_that_beside_trained_ones(tmp_path):
    for preset in ("max", "aps"):
        config = {"predict": None, "train": {"epochs": 20}, "model": {"width": 8}}
        choices = {"optim": preset}
        fake_run(tmp_path, preset, preset=preset, config=config, choices=choices)
    assert labels(tmp_path) == ["aps", "max"]
    config = {"train": {"epochs": 3}, "model": {"width": 8}}
    fake_run(tmp_path, "trained", preset="max", config=config)
    assert labels(tmp_path) == ["aps, untrained", "max", "max, untrained"]
    config["model"]["width"] = 16
    fake_run(tmp_path, "wide", preset="max", config=config)
    assert "max, width=8, untrained" in labels(tmp_path)
