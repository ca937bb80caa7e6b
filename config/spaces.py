"""Two spaces beside each other: production in SCEAU_HOME, practice in SCEAU_HOME/essai, each with its own database, vault, log and port."""

from functools import lru_cache
from pathlib import Path

from config.settings import FILE_NAME, Settings, Unusable, example_text, load_settings, make_folder

PRACTICE = "essai"


def practice_home(home: Path) -> Path:
    return home / PRACTICE


def production_beside(home: Path) -> Path | None:
    """The home of which this one is the practice space; None where it is no such space."""
    return home.parent if home.name == PRACTICE and (home.parent / FILE_NAME).is_file() else None


def open_practice_space(settings: Settings) -> Settings:
    """Settings of the practice space beside this installation, made where there is none. Raises Unusable where they are not of practice.

    Nothing is taken over from production: neither people nor keys, mail server, folders or database.
    """
    if production_beside(settings.home) is not None:
        raise Unusable(f"{settings.home} est déjà un espace d'essai / is a practice space already")
    home, port = practice_home(settings.home), settings.server.port + 1 if settings.server.port < 65535 else 65534
    make_folder(home)
    file = home / FILE_NAME
    if not file.exists():
        file.write_text(example_text().replace("port = 8080", f"port = {port}", 1), encoding="utf-8")
    space = load_settings({"SCEAU_HOME": str(home)})
    if space.sealing.mode != "practice":
        raise Unusable(f'{file} : sealing.mode doit rester "practice" dans l\'espace d\'essai / must stay "practice" in the practice space')
    outside = [str(space.folder_of(each)) for each in space.stations if not space.folder_of(each).resolve().is_relative_to(home.resolve())]
    if outside or space.database_url:
        raise Unusable(
            f"{file} : l'espace d'essai garde ses dossiers et sa base chez lui ({', '.join(outside) or 'database_url'}) "
            "/ the practice space keeps its folders and its database to itself"
        )
    return space


def other_space(settings: Settings, host: str) -> str | None:
    """Address of the space beside this one, as the browser that came by `host` reaches it; None where there is none."""
    production = production_beside(settings.home)
    beside = production or practice_home(settings.home)
    if not (beside / FILE_NAME).is_file():
        return None
    if settings.server.other_space:
        return settings.server.other_space
    port = _port_of(beside, (beside / FILE_NAME).stat().st_mtime_ns)
    return None if port is None else f"http://{host}:{port}/"


@lru_cache(maxsize=4)
def _port_of(home: Path, changed: int) -> int | None:  # noqa: ARG001 asked anew once the file has changed
    try:
        return load_settings({"SCEAU_HOME": str(home)}).server.port
    except Unusable:
        return None
