"""What a result was made with: versions and the machine, without what would give its owner away."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath

#: The distributions whose versions can change a result.
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "skorch",
    "xgboost",
    "h5py",
    "opencv-python-headless",
    "joblib",
)


@dataclass(frozen=True)
class Environment:
    """Versions and the kind of machine; neither host, user nor paths.

    Attributes
    ----------
    hybridfer, python : str
        Their versions.
    platform : str
        Operating system, architecture and the CPU cores that were to be used.
    libraries : dict of str to str
        Versions of the installed libraries that a result depends on.

    Examples
    --------
    >>> "numpy" in Environment.current().libraries
    True
    """

    hybridfer: str
    python: str
    platform: str
    libraries: dict[str, str]

    @classmethod
    def current(cls) -> Environment:
        """Describe the environment of this process, without importing any of the libraries."""
        found = {name: _version(name) for name in LIBRARIES}
        return cls(
            hybridfer=_version("hybridfer") or "unknown",
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}, {_cores()} CPU cores",
            libraries={name: installed for name, installed in found.items() if installed is not None},
        )


def public_command(arguments: Sequence[str]) -> str:
    """Write a command line that can be published: absolute paths are cut to their last part.

    Parameters
    ----------
    arguments : sequence of str
        As in ``sys.argv``; the first is the program.

    Returns
    -------
    str
        The command, quoted for a shell.

    Examples
    --------
    >>> public_command(["/home/ada/.venv/bin/hybridfer", "benchmark", "/data/fer 2013.zip", "--out=/data/run"])
    "hybridfer benchmark 'fer 2013.zip' --out=run"
    """
    return shlex.join(_public_argument(argument) for argument in arguments)


def _public_argument(argument: str) -> str:
    """Cut an absolute path, alone or behind an option's equals sign, to its last part."""
    option, equals, path = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    return option + equals + PurePath(path).name if PurePath(path).is_absolute() else argument


def _version(distribution: str) -> str | None:
    """The installed version of a distribution, None where it is absent."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """The CPU cores this process may use; fewer than the machine's in a container or under taskset."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        return os.cpu_count() or 1
