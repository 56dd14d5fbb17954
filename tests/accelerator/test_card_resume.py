"""With `deterministic=true` two trainings are equal bit by bit, killed or not."""

import pytest
from commands import assert_equal, train, train_killed

pytestmark = pytest.mark.accelerator

WORDS = ["model=resnet20", "model.depths=[1,1,1]", "downsample=max_aps"]
WORDS += ["deterministic=true", "train.checkpoint_seconds=0", "augment=crop"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, digits):
    return train(tmp_path_factory.mktemp("undisturbed"), digits, *WORDS)


def test_two_trainings_are_equal_bit_by_bit(undisturbed, digits, tmp_path):
    assert_equal(undisturbed, train(tmp_path, digits, *WORDS))


def test_a_training_goes_on_after_kill_9_as_if_nothing_had_happened(
    undisturbed, digits, tmp_path
):
    train_killed(tmp_path, digits, *WORDS)
    assert_equal(undisturbed, train(tmp_path, digits, *WORDS))
