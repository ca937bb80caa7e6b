"""A witness for logs of others (C2SP tlog-witness). No account: a request proves itself by the log's signature."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from station.web import desk
from station.witnesses import countersign

open_router = APIRouter()


async def whole_body(request: Request) -> bytes:
    """The guard has bounded it."""
    return await request.body()


@open_router.post("/witness/add-checkpoint")
def add_checkpoint(request: Request, session: desk.InWriting, body: Annotated[bytes, Depends(whole_body)]) -> Response:
    """What was countersigned is committed before the answer leaves: a witness that forgot would sign a second branch."""
    workstation = desk.workstation_of(request)
    answer = countersign(session, workstation.settings, body, workstation.clock())
    return Response(answer.text, answer.status, media_type=answer.kind)
