"""One piece of work on what strangers made, in a confined child that is started for it and ends with it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from station.children import PRELOAD, Children
from station.confinement import Confinement, programs_named
from station.workstation import Workstation

R = TypeVar("R")


def work_apart(
    workstation: Workstation,
    function: Callable[..., R],
    seconds: float,
    *arguments: object,
    reads: tuple[Path, ...] = (),
    programs: tuple[str, ...] = (),
) -> R:
    """The function's result. It reaches no network, and of the home only `reads`; it starts only `programs`.

    Raises OverBudget, PoisonPage, or what the function raised.
    """
    confinement = Confinement(reads, programs=programs_named(*programs), private=workstation.home)
    care = workstation.settings.work
    child = Children(
        1,
        care.child_megabytes,
        PRELOAD,
        scratch=workstation.home / "scratch",
        temp_megabytes=care.child_temp_megabytes,
        confinement=confinement if care.confined else None,
    )
    try:
        return child.run(function, seconds, *arguments)
    finally:
        child.stop()
