"""The API put together: its door, its rooms, its description."""

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import State

from station.web.api import desks, documents, evidence, money, payables, people, receivables, reminders, review
from station.web.api.asks import ASKS, PREFIX
from station.web.api.porter import SMALL_BODY, Pace, Porter
from station.web.api.problems import MEDIA, STATUSES, Problem, say_problems
from station.web.api.shapes import allowed
from station.workstation import Workstation

ROOMS = (
    documents.router,
    review.router,
    money.router,
    desks.router,
    evidence.router,
    people.router,
    receivables.router,
    payables.router,
    reminders.router,
)
DESCRIPTION = (
    "Les mêmes actes que les pages, pour des programmes. / The same acts as the pages, for programs.\n\n"
    "`Authorization: Bearer …` : un jeton se crée sur la page Mon compte ; il n'ouvre jamais plus que ce que sa personne peut ouvrir. "
    "/ A token is made on the page of one's account; it never opens more than its person may.\n\n"
    "`Idempotency-Key` : la même clé et le même contenu redonnent la même réponse pendant 24 h. "
    "/ The same key and the same body give the same answer again for 24 hours."
)


def build_api(workstation: Workstation, state: State, pace: Pace) -> FastAPI:
    """Mounted under `PREFIX`; `state` is that of the pages, which it shares."""
    app = FastAPI(title="Sceau", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state = state
    for router in ROOMS:
        app.include_router(router, dependencies=[Depends(allowed, scope="function")])
    say_problems(app)
    largest = workstation.settings.intake.max_file_megabytes * 1_000_000 + SMALL_BODY
    app.add_middleware(Porter, workstation=workstation, pace=pace, largest=largest, api=app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's own way to extend its description
    return app


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1: what each operation asks for, and every problem that it may answer with."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, openapi_version="3.1.0", description=app.description, routes=app.routes,
            servers=[{"url": PREFIX}],
        )  # fmt: skip
        made["components"].setdefault("schemas", {})["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _complete(operation, ASKS[method.upper(), path].scope, writes=method != "get")
        app.openapi_schema = made
    return app.openapi_schema


def _complete(operation: dict[str, Any], scope: str, *, writes: bool) -> None:
    operation["security"] = [{"token": []}]
    operation["x-sceau-scope"] = scope
    if writes:
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
                "description": "The same key and body give the same answer again for 24 hours",
            }
        )  # fmt: skip
    refused = {"description": "Problem (RFC 9457)", "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status in STATUSES:
        operation["responses"][str(status)] = refused
