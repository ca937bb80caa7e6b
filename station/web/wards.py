"""What stands before every page once somebody is signed in: whether their roles open it, and whether they must show again who they are."""

import logging

from fastapi import Request

from station.web import desk, visits
from station.web.grants import asks_again, may

_BEFORE_CHOOSING = frozenset({"/account", "/account/password", "/language", "/sign-out", "/help"})
"""What a person opens whose password somebody else made."""


class NotGranted(Exception):
    """None of the person's roles opens this address."""


class NotChosen(Exception):
    """The password is somebody else's: another has to be chosen first."""


class NotSure(Exception):
    """Password or code is asked again; `typed` is the form that was sent, to be sent on afterwards."""

    def __init__(self, typed: tuple[tuple[str, str], ...] | None) -> None:
        super().__init__()
        self.typed = typed
        """None: it held a file, and has to be sent anew."""


def path_of(request: Request) -> str:
    """The address as its router writes it."""
    return str(getattr(request.scope.get("route"), "path", ""))


def granted(request: Request, person: desk.SignedIn) -> None:
    """Raises NotGranted, NotChosen."""
    path = path_of(request)
    if not may(desk.roles_here(request), request.method, path, whole=desk.works_everywhere(request)):
        visits.tell(request, "page refused", person, level=logging.WARNING, method=request.method, path=path)
        raise NotGranted(path)
    if person.password_ends is not None and path not in _BEFORE_CHOOSING and not visits.by_provider(request):
        raise NotChosen


async def confirmed(request: Request, person: desk.SignedIn) -> None:  # noqa: ARG001 asked after it
    """Raises NotSure."""
    if asks_again(request.method, path_of(request)) and not visits.is_sure(request):
        raise NotSure(await typed_form(request))


async def typed_form(request: Request) -> tuple[tuple[str, str], ...] | None:
    """The fields of a form in their order; None where it holds files."""
    form = await request.form()
    pairs = tuple((name, value) for name, value in form.multi_items() if isinstance(value, str))
    return pairs if len(pairs) == len(form.multi_items()) else None
