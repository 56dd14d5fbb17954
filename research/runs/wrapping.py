"""What is evaluated in a wrapper: it must fit the task, the images and the network."""

from __future__ import annotations

from flax import nnx
from omegaconf import DictConfig

from research import config
from research.errors import UserError
from research.evals.engine.windows import format_size, takes
from research.models.network import Network
from research.tasks.classification import Classification
from research.wrappers.wrapper import Wrapped, Wrapper


def choose_wrapper(cfg: DictConfig) -> Wrapper | None:
    """Returns the configured wrapper, which must fit the task; None: there is none.

    Raises:
      UserError: it moves images, and the answers at every pixel with them.
    """
    wrapper: Wrapper | None = config.wrapper(cfg)
    if wrapper is None:
        return None
    task = config.task(cfg)
    if wrapper.moves and not isinstance(task, Classification):
        raise UserError(
            f"wrap={type(wrapper).__name__.lower()}: moves what is seen, and answers "
            f"at every pixel ({type(task).__name__.lower()}) move with it; takes one "
            "answer an image, or use wrap=blur or wrap=none"
        )
    return wrapper


def wrap_network(cfg: DictConfig, network: nnx.Module) -> nnx.Module:
    """Returns a network of ours in the configured wrapper, or as it is.

    Raises:
      UserError: the wrapper does not fit the task, the images are too small for it, or
        its views for the network.
    """
    wrapper = choose_wrapper(cfg)
    if wrapper is None:
        return network
    height, width, channels = cfg.data.shape
    rows, columns, _ = wrapper.shape((height, width, channels))
    if (
        isinstance(network, Network)
        and (rows, columns) != (height, width)
        and not takes(network, (rows, columns), channels)
    ):
        raise UserError(
            f"wrap={type(wrapper).__name__.lower()}: shows the network "
            f"{format_size((rows, columns))} of {format_size((height, width))}, "
            "and it takes no other size than the latter: use a wrap that keeps the "
            "size, or a network of any size (model/head=gap)"
        )
    return Wrapped(network, wrapper)
