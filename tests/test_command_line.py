"""Words of a command line, against what Hydra's own parser makes of them."""

import os
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from research.errors import UserError

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from command_line import prepare_words  # noqa: E402

PATHS = [
    "/tmp/größe",
    "my=runs",
    "a,b",
    "with space",
    "it's",
    "'quoted",
    "back\\slash",
    "back\\'quote",
    "ends in \\",
    "x[0]{y}",
    "$HOME",
    "100%",
    "日本",
]


def parse(*words):
    return OverridesParser.create().parse_overrides(prepare_words(words))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["root", "data.dir", "+model.weights", "run_dir"])
def test_a_path_reaches_the_config_as_it_was_typed(key, path):
    (override,) = parse(f"{key}={path}")
    assert override.value() == path and not override.is_sweep_override()


def test_a_home_is_found_and_what_is_quoted_stays():
    (override,) = parse("data.dir=~/data")
    assert override.value() == os.path.expanduser("~/data")
    assert prepare_words(["root='a,b'", 'name="x"']) == ["root='a,b'", 'name="x"']
    assert prepare_words(["data.dir=null", "root="]) == ["data.dir=null", "root="]


def test_a_word_of_other_letters_is_text():
    (override,) = parse("data.name=größe")
    assert override.value() == "größe"


def test_weights_are_swept_where_runs_are_many():
    multirun, word = prepare_words(["model.weights=a.pt,b.pt", "-m"])
    (override,) = OverridesParser.create().parse_overrides([word])
    assert multirun == "-m" and override.is_sweep_override()
    assert list(override.sweep_string_iterator()) == ["'a.pt'", "'b.pt'"]


def test_multirun_goes_first_and_only_where_something_runs():
    assert prepare_words(["seed=0,1", "-m"]) == ["-m", "seed=0,1"]
    with pytest.raises(UserError, match="-m --cfg: a config is shown of one job"):
        prepare_words(["-m", "--cfg", "job"])


@pytest.mark.parametrize(
    "options",
    [["--cfg", "job"], ["-c", "job", "--resolve"], ["--info", "defaults"], ["--info"]],
)
def test_options_may_stand_between_overrides(options):
    """Hydra's parser takes the overrides after them for unknown arguments."""
    words = ["seed=1", *options, "~optim.clip", "root=/tmp"]
    overrides = ["seed=1", "~optim.clip", "root='/tmp'"]
    assert prepare_words(words) == [*overrides, *options]


@pytest.mark.parametrize("word", ["hydra.job.chdir=true", "++hydra.job.chdir=null"])
def test_a_run_that_changes_its_folder_is_refused(word):
    with pytest.raises(UserError, match="takes false"):
        prepare_words([word])
    assert prepare_words(["hydra.job.chdir=false", "~hydra.job.chdir"])


def test_a_pattern_fits_options_and_not_what_they_are_made_from(tmp_path):
    (word,) = prepare_words(["downsample=glob(b*)"])
    assert word == "downsample=blur,blur_aps,blur_lps"
    (word,) = prepare_words(["downsample=glob([b*,m*],exclude=*_*)"])
    assert word == "downsample=blur,max,max3,median,mixed"
    (word,) = prepare_words(["+downsample/lowpass=glob(bin*)"])
    assert word.startswith("+downsample/lowpass=binomial,")
    (tmp_path / "downsample").mkdir()
    for name in ("base_mine", "bespoke"):
        (tmp_path / "downsample" / f"{name}.yaml").write_text("{}")
    given = ["--config-dir", str(tmp_path), "downsample=glob(be*)"]
    assert prepare_words(given) == ["downsample=bespoke", *given[:2]]


def test_a_pattern_that_fits_nothing_is_refused():
    with pytest.raises(UserError, match=r"downsample=glob\(base\*\): fits no option"):
        prepare_words(["downsample=glob(base*)"])
    with pytest.raises(UserError, match="fits no option of seed .it has no options"):
        prepare_words(["seed=glob(*)"])


@pytest.mark.parametrize(
    "config", ["report", "pack", "prepare", "gallery", "benchmark"]
)
def test_only_runs_are_swept(config):
    with pytest.raises(UserError, match="^--multirun: sweeps are of scripts/train.py"):
        prepare_words(["--multirun", "runs=a,b"], config)
    assert prepare_words(["-m", "seed=0,1"], "eval") == ["-m", "seed=0,1"]
