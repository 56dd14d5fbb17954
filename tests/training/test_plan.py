"""Plans: every example once an epoch, in an order of its own; meshes that divide it."""

from small import EXAMPLES

from research.data.plan import Plan, epoch_order
from research.distributed import devices


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
