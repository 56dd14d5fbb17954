"""PyTorch, where it is installed, and what peers of downsamplers are made of.

A factory of peers takes the number of channels and returns ways to write one
downsampler, in its public and a direct form; the fastest takes part in the race. What a
factory makes is on the device that JAX computes on, and in the dtype of the race: see
`building`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import jax

from research.benchmarks.timing import Subject
from research.errors import UserError
from research.progress import say

Tensor = Any  # of PyTorch, which is no requirement
Ways = list[Callable[[Tensor], Tensor]]
Mode = Literal["default", "reduce-overhead", "max-autotune"]  # of `torch.compile`


def pytorch() -> ModuleType:
    """Returns PyTorch, set to as many threads as JAX has devices here.

    Raises:
      UserError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise UserError(
            "PyTorch is not installed, and benchmarks compare with it: "
            "make install EXTRAS=peers, or set peers=false"
        ) from None
    if jax.default_backend() == "cpu":
        torch.set_num_threads(jax.device_count())
    return torch


def device() -> str:
    """Returns the name that PyTorch has for the kind of device that JAX computes on.

    Raises:
      UserError: PyTorch does not reach it.
    """
    backend = jax.default_backend()
    if backend == "cpu":
        return "cpu"
    if backend == "gpu" and pytorch().cuda.is_available():
        return "cuda"
    raise UserError(
        f"peers=true: JAX computes on {backend} here and PyTorch does not reach it; "
        "install PyTorch for it, or set peers=false, or JAX_PLATFORMS=cpu for both"
    )


@contextmanager
def multiplying(*, tf32: bool) -> Iterator[None]:
    """Has PyTorch multiply float32 as TF32 or in full, and choose kernels by trial."""
    torch = pytorch()
    before = torch.get_float32_matmul_precision()
    kernels = {"enabled": True, "benchmark": True, "deterministic": False}
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        with torch.backends.cudnn.flags(**kernels, allow_tf32=tf32):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def building(dtype: str = "float32") -> Iterator[None]:
    """Has PyTorch make tensors and modules on the device and in the dtype of a race."""
    torch = pytorch()
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device()):
            yield
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True)
class Queued:
    """Work that PyTorch queues on a GPU, timed by the GPU's own events.

    Attributes:
      run: queues it.
    """

    run: Callable[[], None]

    def __call__(self) -> Queued:
        """Queues it once; `jax.block_until_ready` waits for what this returns."""
        self.run()
        return self

    def block_until_ready(self) -> Queued:
        """Waits until the GPU has nothing to do."""
        pytorch().cuda.synchronize()
        return self

    def elapsed(self, calls: int) -> float:
        """Returns the seconds between events before and after some calls."""
        cuda = pytorch().cuda
        first, last = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda.synchronize()
        first.record()
        for _ in range(calls):
            self.run()
        last.record()
        last.synchronize()
        return 1e-3 * first.elapsed_time(last)


def subject(run: Callable[[], None]) -> Subject:
    """Returns work as a race takes it, on whichever device it is."""
    return run if device() == "cpu" else Queued(run)


def keep_running(makers: Mapping[str, Callable[[], Subject]]) -> dict[str, Subject]:
    """Returns the subjects that PyTorch can run here, and says which it cannot.

    Not all operations exist for each dtype and device, nor can all be compiled.

    Args:
      makers: make the subjects, each of which is called once.
    """
    kept = {}
    for name, make in makers.items():
        try:
            jax.block_until_ready((work := make())())
        except RuntimeError as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            say(f"{name} is left out: {reason}")
        else:
            kept[name] = work
    return kept


def both_ways(
    down: Callable[[Tensor], Tensor], shape: tuple[int, ...], dtype: str = "float32"
) -> Subject:
    """Returns a downsampler's forward pass and its gradient, on fixed noise."""
    torch = pytorch()
    last = torch.channels_last
    with building(dtype):
        x = torch.randn(shape).to(memory_format=last).requires_grad_()
        given = torch.randn(down(x).shape).to(memory_format=last)

    def run() -> None:
        x.grad = None
        down(x).backward(given)

    return subject(run)


def phases(x: Tensor) -> list[Tensor]:
    """Returns the four polyphase components."""
    return [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]


def compose(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], x: Tensor
) -> Tensor:
    """Returns second(first(x))."""
    return second(first(x))
