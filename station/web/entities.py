"""Which of the house's companies one works in: chosen in the frame of every page, kept in the visit's cookie, asked by every page."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from station.web import desk
from station.web.grants import start_of

router = APIRouter()


@router.post("/entity")
def choose_entity(request: Request, entity: Annotated[str, Form(max_length=60)] = "") -> Response:
    """Go on in another company, from its first page: what was open belongs to the one before. One that is not theirs is unknown."""
    if entity not in desk.entities_of(request):
        raise HTTPException(404)
    request.session["entity"] = entity
    return desk.go_to(request, start_of(desk.roles_here(request)))
