"""The menu of every page: one table of rooms. Who may look at a room is said in grants; here stands whose daily room it is."""

from dataclasses import dataclass

from station.web.grants import may
from workflow.roles import EVERYONE, Role

MAILROOM, CLERK, APPROVER, RECEIVABLES, COMPLIANCE, AUDITOR, ADMINISTRATOR = Role
Roles = frozenset[Role]
BAR = 6
"""Rooms in the bar: one line at 1366 pixels for whoever holds every role. The others fold under « Plus »."""


@dataclass(frozen=True, slots=True)
class Room:
    """A line of the menu; its word is `nav.<name>` in the catalogues."""

    address: str
    name: str
    icon: str
    daily: Roles = frozenset()
    """For these roles it stands in the bar, as far as there is room."""
    under: tuple[str, ...] = ()
    """Beginnings of the addresses that lie in this room without its address before them."""


READERS = EVERYONE - {ADMINISTRATOR}

ROOMS: tuple[Room, ...] = (
    Room("/", "mailroom", "house", Roles({MAILROOM, CLERK, COMPLIANCE})),
    Room("/desk", "desk", "layers", Roles({MAILROOM}), ("/batches", "/papers", "/duplicates")),
    Room("/relecture", "review", "file-check", Roles({CLERK}), ("/memory",)),
    Room("/approbations", "approvals", "badge-check", Roles({APPROVER})),
    Room("/formulaires", "forms", "list", Roles({RECEIVABLES})),
    Room("/comptabilite", "accounting", "list", Roles({CLERK})),
    Room("/relances", "dunning", "clock", Roles({RECEIVABLES})),
    Room("/encours", "receivables", "scroll-text", Roles({RECEIVABLES}), ("/taux",)),
    Room("/documents", "documents", "file-text", READERS),
    Room("/recherche", "search", "search", READERS),
    Room("/conformite", "compliance", "shield-check", Roles({COMPLIANCE, AUDITOR}), ("/controles", "/organisation", "/papier", "/access")),
    Room("/ledger", "ledger", "scroll-text", Roles({COMPLIANCE, AUDITOR}), ("/export", "/signing", "/retention", "/holds", "/mandates")),
    Room("/direction", "direction", "chart-column", Roles({APPROVER})),
    Room("/stations", "stations", "printer", Roles({MAILROOM, ADMINISTRATOR}), ("/tolerances",)),
    Room("/people", "people", "user", Roles({ADMINISTRATOR})),
    Room("/fournisseurs", "suppliers", "archive", Roles({APPROVER})),
    Room("/regles", "rules", "list"),
    Room("/envois", "sendings", "upload", Roles({ADMINISTRATOR})),
    Room("/imports", "imports", "folder-input"),
    Room("/sauvegardes", "backups", "archive", Roles({ADMINISTRATOR})),
    Room("/installation", "installation", "hard-drive"),
    Room("/exploitation", "operations", "refresh-cw", Roles({ADMINISTRATOR})),
    Room("/help", "help", "circle-help", EVERYONE),
)
"""In the order in which work goes. A new room is one line here, one in grants, and its word in both catalogues."""


@dataclass(frozen=True, slots=True)
class Line:
    """A room as this page's menu shows it."""

    room: Room
    current: str
    """`page` where this is the page, `true` where the page lies in the room, or nothing."""


@dataclass(frozen=True, slots=True)
class Menu:
    bar: tuple[Line, ...]
    more: tuple[Line, ...]

    @property
    def more_current(self) -> bool:
        """Whether the page lies in a room that is folded away."""
        return any(line.current for line in self.more)


def menu_for(roles: Roles, here: str, *, whole: bool = True) -> Menu:
    """The rooms that open for these roles, theirs first; all stand in the bar where there is room for all."""
    open_rooms = [room for room in ROOMS if may(roles, "GET", room.address, whole=whole)]
    in_bar = open_rooms if len(open_rooms) <= BAR else [room for room in open_rooms if room.daily & roles][:BAR]
    lines = [(room in in_bar, Line(room, _current(room, here))) for room in open_rooms]
    return Menu(tuple(line for bar, line in lines if bar), tuple(line for bar, line in lines if not bar))


def _current(room: Room, here: str) -> str:
    if here == room.address:
        return "page"
    inside = (room.address, *room.under) if room.address != "/" else room.under
    return "true" if any(here == each or here.startswith(f"{each}/") for each in inside) else ""
