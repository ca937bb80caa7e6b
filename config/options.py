"""Each step's own options, composed from the settings; no step reads a setting itself."""

from datetime import date

from capture.coding import Caps
from capture.separate import Kind, Recipe
from config.settings import Settings, Station
from conformity.clauses import Organisation
from conformity.limits import Limits
from conformity.policy import Policy, policy_on
from ocr.engines import Reader, ReaderOptions
from workflow.calendar import Calendar


def caps_of(settings: Settings) -> Caps:
    """What a file may ask of this machine."""
    intake = settings.intake
    return Caps(intake.max_megapixels * 1_000_000, intake.max_pages, intake.max_file_megabytes << 20)


def policies_of(settings: Settings) -> tuple[Policy, ...]:
    """Every version of every policy."""
    return tuple(
        Policy(
            name=each.name,
            version=each.version,
            valid_from=each.valid_from,
            limits=Limits(min_dpi=each.min_dpi, dpi_tolerance=each.dpi_tolerance_percent / 100),
            grey=each.grey,
            grey_reason=each.grey_reason,
        )
        for each in settings.policies
    )


def policy_of(settings: Settings, station: str, day: date) -> Policy:
    """The policy against which what came in at a station on a day is judged; the first station's where the settings know it no longer."""
    profiles = {each.name: each.profile for each in settings.known_stations}
    return policy_on(policies_of(settings), profiles.get(station, settings.known_stations[0].profile), day)


def limits_of(settings: Settings) -> Limits:
    """What the first station's newest policy asks: for whoever scans before there is a document."""
    return policy_of(settings, settings.known_stations[0].name, date.max).limits


def organisation_of(settings: Settings) -> Organisation:
    """What the company says of its organisation."""
    return Organisation(**settings.organisation.model_dump(include=set(Organisation.__dataclass_fields__)))


def reader_of(settings: Settings) -> ReaderOptions:
    """How pages are read."""
    reading = settings.reading
    return ReaderOptions(reader=Reader(reading.engine), languages=tuple(reading.languages.split("+")), timeout=reading.page_seconds)


def recipe_of(station: Station) -> Recipe:
    """How the station's stacks become documents."""
    separation = station.separation
    return Recipe(Kind(separation.kind), separation.pattern, separation.sticker, separation.pages)


def calendar_of(settings: Settings) -> Calendar:
    """On which days something may leave."""
    said = settings.calendar
    weekdays = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday").index(day) for day in said.forbidden_weekdays)
    return Calendar(said.alsace_moselle, frozenset(said.closed), frozenset(said.forbidden), weekdays)
