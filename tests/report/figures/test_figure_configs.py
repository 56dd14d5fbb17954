"""Every option of conf/figure composes and draws what it names."""

import pytest
from fake_runs import fake_run
from matplotlib.figure import Figure
from measured import measured_runs

from research.config import CONF, build, compose, compose_flat
from research.errors import UserError
from research.report.results import Results

ELSEWHERE = {"gallery", "claims", "verdicts"}  # have tests of their own
OPTIONS = sorted(
    path.stem for path in CONF.glob("figure/*.yaml") if path.stem != "base"
)


def makers(option):
    cfg = compose(f"figure=[{option}]", config="report")
    return {name: build(node) for name, node in cfg.figure.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    measured_runs(root, setting="smoke/mnist")
    return Results.read(root, compose=compose_flat)


@pytest.mark.parametrize("option", [one for one in OPTIONS if one not in ELSEWHERE])
def test_it_draws(results, option):
    figures = {name: draw(results) for name, draw in makers(option).items()}
    assert list(figures) == [option]
    for figure in figures.values():
        assert isinstance(figure, Figure) and figure.axes


def test_options_reach_the_figure(results):
    cfg = compose("figure=orbit", "figure.orbit.width=one", config="report")
    assert build(cfg.figure.orbit)(results).get_figwidth() < 4


@pytest.mark.parametrize(
    ("override", "takes"),
    [
        ("figure.orbit.width=three", "one or two"),
        ("figure.orbit.fewest_seeds=many", "an integer"),
        ("figure.layers.measure=errors", "error or cosine"),
    ],
)
def test_a_value_that_does_not_fit_is_a_mistake(override, takes):
    cfg = compose("figure=[orbit,layers]", override, config="report")
    with pytest.raises(UserError, match=f"{override}: takes {takes}"):
        for node in cfg.figure.values():
            build(node)


@pytest.mark.parametrize("option", OPTIONS)
def test_without_rows_the_reason_is_one_line(tmp_path, option):
    (fake_run(tmp_path, "one", epochs=0) / "eval/shift.jsonl").write_text(OTHER)
    results = Results.read(tmp_path, compose=compose_flat)
    for draw in makers(option).values():
        with pytest.raises(UserError) as error:
            draw(results)
        assert str(error.value) and "\n" not in str(error.value)


OTHER = (
    '{"run": "one", "seed": 0, "commit": "0", "split": "test", "protocol": "other", '
    '"params": {}, "measure": "other", "value": 1, "low": null, "high": null, '
    '"interval": "", "n": 1, "method": ""}\n'
)
