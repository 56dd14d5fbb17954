"""Batches: the same wherever a split is kept, every example once an epoch."""

import numpy as np
from small import EXAMPLES, make_split

from research.data.plan import Plan, epoch_order
from research.distributed import devices
from research.training.batches import Host, Resident


def test_feeds_give_the_same_batches():
    split = make_split()
    mesh, order = devices.mesh(16), epoch_order(EXAMPLES, seed=3, epoch=2)[:16]
    resident, host = (feed(split, mesh).batch(order) for feed in (Resident, Host))
    assert set(resident) == set(host) == {"image", "label"}
    for name, rows in resident.items():
        np.testing.assert_array_equal(rows, host[name])
        assert rows.sharding.is_equivalent_to(host[name].sharding, rows.ndim)


def test_an_epoch_is_a_permutation_of_its_own():
    first, second = (epoch_order(50, seed=0, epoch=e) for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)


def test_each_epoch_of_a_plan_takes_every_example_at_most_once():
    plan = Plan(EXAMPLES, batch_size=16, epochs=3, seed=5)
    assert len(plan) == 12
    for epoch in range(3):
        taken = [i for step in range(4) for i in plan[4 * epoch + step]]
        order = epoch_order(EXAMPLES, seed=5, epoch=epoch)
        assert taken == order[:64].tolist()


def test_mesh_takes_the_devices_that_divide_the_batch():
    assert devices.mesh(16).size == 2
    assert devices.mesh(15).size == 1
