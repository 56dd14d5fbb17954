"""The accelerators of this machine, found without JAX, which would take their memory.

A launcher that shares them out must leave them free for its jobs, so it asks the
drivers. Sources: the CUDA C++ Programming Guide on CUDA_VISIBLE_DEVICES, ROCm's page on
GPU isolation, and how JAX discovers its plugins (`jax_plugins`).
"""

from __future__ import annotations

import dataclasses
import importlib.util
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from itertools import takewhile
from pathlib import Path

PATIENCE = 60.0  # seconds for nvidia-smi, which may have to load the driver first
KFD = Path("/sys/class/kfd/kfd/topology/nodes")  # AMD's driver describes its devices
DEV = Path("/dev")
GIVEN = "RESEARCH_DEVICES"  # what a launcher calls the devices that it gave to a job


class NoAccelerator(Exception):
    """There is none that JAX would use; the message names the places searched."""


@dataclasses.dataclass(frozen=True)
class Platform:
    """One maker's accelerators, and how a process is kept to some of them.

    Attributes:
      name: for people.
      backends: its names in JAX_PLATFORMS.
      plugin: how the names of JAX's packages for it begin.
      extra: of this project, which installs one of them.
      variables: each lists devices that a process may use. The first that is set is the
        narrowest; the last is the one to set where none is.
      find: returns the names of all devices, as the last variable takes them.
      divisible: whether each process on a machine may have devices of its own.
    """

    name: str
    backends: frozenset[str]
    plugin: str
    extra: str
    variables: tuple[str, ...]
    find: Callable[[], list[str]]
    divisible: bool = True

    def look(self, environment: Mapping[str, str]) -> Pool:
        """Returns the devices that JAX would use in an environment.

        Raises:
          NoAccelerator: there are none, or JAX would not use them.
        """
        wanted = environment.get("JAX_PLATFORMS", "")
        if wanted and not self.backends & set(wanted.split(",")):
            raise NoAccelerator(f"{self.name}: JAX_PLATFORMS={wanted}")
        devices = self.find()
        if not any(name.startswith(self.plugin) for name in installed_plugins()):
            raise NoAccelerator(
                f"{self.name}: JAX has no plugin for it, make install "
                f"EXTRAS={self.extra}"
            )
        for variable in self.variables:
            if variable in environment:
                listed = visible(environment[variable])
                if not listed:
                    raise NoAccelerator(f"{variable}={environment[variable]}")
                return Pool(self, variable, listed)
        return Pool(self, self.variables[-1], tuple(devices))


@dataclasses.dataclass(frozen=True)
class Pool:
    """Accelerators that may be shared out.

    Attributes:
      platform: of all of them.
      variable: that keeps a process to some.
      devices: by the names that the variable takes.
    """

    platform: Platform
    variable: str
    devices: tuple[str, ...]


def find(environment: Mapping[str, str]) -> Pool:
    """Returns the accelerators that JAX would use in an environment.

    Raises:
      NoAccelerator: there are none.
    """
    reasons = []
    for platform in PLATFORMS:
        try:
            return platform.look(environment)
        except NoAccelerator as reason:
            reasons.append(str(reason))
    raise NoAccelerator("; ".join(reasons))


def name_devices(environment: Mapping[str, str]) -> str:
    """Names the accelerators that a process was given, or "" if it was given none."""
    if GIVEN in environment:
        return environment[GIVEN]
    variables = (name for one in PLATFORMS for name in one.variables)
    given = (f"{name}={environment[name]}" for name in variables if name in environment)
    return next(given, "")


def visible(listed: str) -> tuple[str, ...]:
    """Returns the devices in a variable; as in CUDA, a bad one ends the list."""
    words = (word.strip() for word in listed.split(","))
    return tuple(takewhile(re.compile(r"\d+|(GPU|MIG)-\S+").fullmatch, words))


def installed_plugins() -> set[str]:
    """Returns the names of the packages by which JAX would reach accelerators."""
    names = {one.name for one in entry_points(group="jax_plugins")}
    space = importlib.util.find_spec("jax_plugins")
    if space is not None and space.submodule_search_locations is not None:
        folders = list(space.submodule_search_locations)
        names |= {one.name for one in pkgutil.iter_modules(folders)}
    return names | ({"libtpu"} if importlib.util.find_spec("libtpu") else set())


def list_nvidia() -> list[str]:
    """Returns UUIDs: CUDA may count its devices in another order than nvidia-smi.

    Raises:
      NoAccelerator: nvidia-smi is missing, fails, or lists none.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise NoAccelerator("nvidia-smi: not found")
    line = [program, "-L"]
    try:
        found = subprocess.run(
            line, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAccelerator(f"nvidia-smi: {error}") from None
    if found.returncode:
        words = " ".join(f"{found.stdout} {found.stderr}".split())
        raise NoAccelerator(f"nvidia-smi: status {found.returncode}, {words}")
    devices: list[str] = []
    pattern = r"^\s*(GPU|MIG)\b.*\(UUID: ([^\s)]+)\)"
    for kind, uuid in re.findall(pattern, found.stdout, re.MULTILINE):
        if kind == "MIG" and devices and devices[-1].startswith("GPU-"):
            devices.pop()  # it is cut up: processes get the parts, listed below it
        devices.append(uuid)
    if not devices:
        raise NoAccelerator("nvidia-smi: lists none")
    return devices


def list_amd() -> list[str]:
    """Returns indices in the driver's order, of the devices that this process reaches.

    Raises:
      NoAccelerator: there are none.
    """
    count = 0
    for path in KFD.glob("*/properties"):
        try:
            known = dict(line.split() for line in path.read_text().splitlines())
        except OSError:  # of a device that is not for this container
            continue
        node = DEV / "dri" / f"renderD{known.get('drm_render_minor')}"
        count += int(known.get("simd_count", 0)) > 0 and node.exists()
    if not count:
        raise NoAccelerator(f"{KFD}: lists no AMD GPU")
    return [str(index) for index in range(count)]


def list_tpu() -> list[str]:
    """Returns the numbers of the chips of this host.

    Raises:
      NoAccelerator: there are none.
    """
    nodes = [*DEV.glob("accel[0-9]*"), *DEV.glob("vfio/[0-9]*")]
    if not nodes or "libtpu" not in installed_plugins():
        raise NoAccelerator("libtpu: no TPU")
    return [str(index) for index in range(len(nodes))]


NVIDIA = Platform(
    "NVIDIA GPU",
    backends=frozenset({"cuda", "gpu"}),
    plugin="xla_cuda",
    extra="cuda",
    variables=("CUDA_VISIBLE_DEVICES",),
    find=list_nvidia,
)
AMD = Platform(
    "AMD GPU",
    backends=frozenset({"rocm", "gpu"}),
    plugin="xla_rocm",
    extra="rocm",
    variables=("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    find=list_amd,
)
TPU = Platform(
    "TPU",
    backends=frozenset({"tpu"}),
    plugin="libtpu",
    extra="tpu",
    variables=("TPU_VISIBLE_CHIPS",),
    find=list_tpu,
    divisible=False,  # libtpu gives a whole host to one process, if not set up by hand
)
PLATFORMS = (NVIDIA, AMD, TPU)
