"""Many configs of one process are those that Hydra composes, each by itself."""

import shutil

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf.errors import ConfigAttributeError

from research import config
from research.config.assembling import read_files_once
from research.errors import UserError
from research.runs import identity


def by_hydra(*overrides):
    with hydra.initialize_config_dir(str(config.CONF), version_base="1.3"):
        return hydra.compose("train", overrides=list(overrides))


def test_composing_many_leaves_nothing_of_one_in_another():
    words = ["setting=smoke/mnist", "train.epochs=7", "downsample=aps", "+claims.c1=x"]
    mine = [words[0], "model/head=gap", "~eval.fit", "data.shape=[8,8,1]"]
    search = ["experiment=learning_rate", "hydra.sweeper.trials=2", "seed=1"]
    for overrides in (words, words[:1], words, mine, words[:1], search, words[1:2]):
        cfg, expected = config.compose(*overrides), by_hydra(*overrides)
        assert cfg == expected and list(cfg) == list(expected)
        assert config.compose_flat(*overrides) == identity.flatten(expected)
        cfg.train.epochs, cfg.data.dir = 99, "elsewhere"
        with pytest.raises(ConfigAttributeError):
            cfg.surprise = 1
    with pytest.raises(UserError, match="did you mean"):
        config.compose_flat("downsample=maxx")
    with pytest.raises(UserError, match="seed=1,2: one run takes one value"):
        config.compose("seed=1,2")


def test_a_file_that_changes_does_not_change_the_jobs_of_a_sweep(tmp_path):
    shutil.copytree(config.CONF, tmp_path, dirs_exist_ok=True)
    setup_globals()  # Hydra's resolvers

    def load(loader, *overrides):
        return loader.load_configuration("train", list(overrides), RunMode.RUN)

    loader = ConfigLoaderImpl(create_config_search_path(str(tmp_path)))
    first = load(loader, "downsample=max", "seed=1")
    read_files_once(loader)
    for _ in range(2):
        assert load(loader, "downsample=max", "seed=1") == first
    (tmp_path / "model/head/gap.yaml").write_text("_target_: another.Head\n")
    other = load(loader, "downsample=aps", "model/head=gap")
    assert other.downsample != first.downsample
    assert other.model.head._target_ == "another.Head"  # not read before
    (tmp_path / "downsample/max.yaml").unlink()
    assert load(loader, "downsample=max", "seed=1") == first
