"""Programs as they are handed to other platforms' compilers, by a machine with CPUs."""

import re
import sys

import jax
import jax.numpy as jnp

PLATFORMS = ("cuda", "tpu")
PARTITIONED = "CustomSPMDPartitioning"  # hides the call of oneDNN, over a mesh
ON_CPU = re.compile(f"onednn|lapack|cpu|callback|{PARTITIONED}", re.IGNORECASE)


def calls_of(traced, *platforms):
    """The targets of custom calls in a traced program that is lowered for platforms."""
    text = traced.lower(lowering_platforms=platforms).as_text()
    return set(re.findall(r"custom_call @([\w$.]+)", text))


def assert_portable(traced):
    """No program for an accelerator has a call of the CPU's, or one back to Python."""
    for platform in PLATFORMS:
        calls = calls_of(traced, platform)
        assert not [call for call in calls if ON_CPU.search(call)], (platform, calls)


class Recorded:
    """A jitted function that is lowered for other platforms and runs nowhere.

    Its results are ones, of the right shapes. Within another program it is itself.
    """

    def __init__(self, jitted, programs):
        self.jitted = jitted
        self.programs = programs

    def __call__(self, *args, **kwargs):
        if any(isinstance(one, jax.core.Tracer) for one in jax.tree.leaves(args)):
            return self.jitted(*args, **kwargs)
        traced = self.jitted.trace(*args, **kwargs)
        if not any(traced.jaxpr is one.jaxpr for one in self.programs):
            self.programs.append(traced)
        return jax.tree.map(lambda one: jnp.ones(one.shape, one.dtype), traced.out_info)

    def __getattr__(self, name):
        return getattr(self.jitted, name)


def record(monkeypatch):
    """Returns the list of all programs that the library is going to run.

    It takes those that are jitted where a module of `research` is loaded, and those
    that are jitted from here on.
    """
    programs, jit = [], jax.jit
    kind = type(jit(lambda: None))

    def recorded_jit(function=None, **given):
        if function is None:
            return lambda function: recorded_jit(function, **given)
        return Recorded(jit(function, **given), programs)

    for module in [one for name, one in sys.modules.items() if name[:8] == "research"]:
        for name, value in list(vars(module).items()):
            if isinstance(value, kind):
                monkeypatch.setattr(module, name, Recorded(value, programs))
    monkeypatch.setattr(jax, "jit", recorded_jit)
    return programs
