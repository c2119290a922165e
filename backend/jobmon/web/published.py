"""Serve the published files as they are stored, at the addresses of the CGI scripts and with the same meaning."""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Request
from pydantic import StringConstraints
from starlette.responses import Response, StreamingResponse

from jobmon.api.problems import ProblemError
from jobmon.api.routes import Level, Routes
from jobmon.config import LiveSettings
from jobmon.errors import SpoolError
from jobmon.spool import reader, writer
from jobmon.web import joined, negotiation
from jobmon.web.cache import Stored
from jobmon.web.shelf import Shelf, View
from jobmon.web.stored import Files

INDEX = "cgi.index"
MAX_NAMES = 24
MOST_PAGE = 220
TIME = r"^[0-9]{1,12}(\.[0-9]*)?$"
PAGE = r"^[a-z]{1,64}(/[a-z0-9_-]{1,64}){0,3}$"
LASTING = re.compile(r"[^/]+/[^/]+/[^/]+/[0-9]+")
"""A page of four words whose last one is a number, such as a closed chunk of series, never changes."""
AT_ONCE_BYTES = 1 << 20
"""What is larger when unpacked is unpacked while it is sent: a slow reader has no more of it in memory."""
NULL = writer.compress(b"null\n")
JSON = "application/json"
LINES = "application/x-ndjson"
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file, gzipped as it is stored for whoever accepts that.", "content": {JSON: {}}},
    304: {"description": "The reader has this version already (If-None-Match)."},
}
SEVERAL = {**ANSWERS[200], "content": {JSON: {}, LINES: {}}}
NEAREST = {
    **ANSWERS[200],
    "headers": {"X-Jobmon-Time": {"description": "Epoch seconds of the stored snapshot, when a time was asked for."}},
}

Time = Annotated[
    str | None,
    Query(pattern=TIME, max_length=40, description="Epoch seconds; the stored snapshot nearest to it is sent."),
]
Names = Annotated[
    list[Annotated[str, StringConstraints(pattern=PAGE, max_length=MOST_PAGE)]],
    Query(
        min_length=1,
        max_length=MAX_NAMES,
        examples=[["live/summary", "live/marks"]],
        description="A page, such as live/summary. Several give one document per line, null for one that is missing.",
    ),
]


def stored_times(files: Files, folder: Path, pattern: str) -> list[int]:
    """Return the ascending times of the snapshots: from the index, else from the names of the files."""
    index = files.load(folder, INDEX)
    if index is None:
        return reader.times_on_disk(folder, pattern)
    return [int(line) for line in index.content.split(b"\n")[1:] if line.isdigit()]


def nearest(files: Files, folder: Path, pattern: str, wanted: float) -> tuple[int, Stored] | None:
    """Return time and file of the snapshot nearest to `wanted`; one that was purged since is passed over."""
    times = stored_times(files, folder, pattern)
    while (time := reader.nearest(times, wanted)) is not None:
        file = files.load(folder, pattern.format(time))
        if file is not None:
            return time, file
        times.remove(time)
    return None


def router(live: LiveSettings, shelf: Shelf | None = None) -> Routes:
    """Return the four addresses of the published files; `shelf` knows who may read what, without one all may."""
    routes = Routes(
        quick=True, prefix="/api", tags=["published files"], responses=ANSWERS, default_response_class=Response
    )
    shelf = Shelf(live) if shelf is None else shelf
    files = Files()

    @routes.get(
        "/data.py", Level.ANYBODY, summary="The newest snapshot, or a stored one", responses={200: NEAREST}, also=[404]
    )
    def data(request: Request, time: Time = None) -> Response:
        view = shelf.view(request)
        if time is None:
            newest = files.load(view.folder, live.file_name_pattern.format(""))
            return send(request, view.folder, [view.part(newest, "snapshot")], view=view)
        found = nearest(files, view.folder, live.file_name_pattern, float(time))
        at = {"X-Jobmon-Time": str(found[0])} if found else None
        file = view.part(found[1], "snapshot") if found else None
        return send(request, view.folder, [file], at, view=view)

    @routes.get("/history.py", Level.ANYBODY, summary="The use of cores over time", also=[404])
    def history(request: Request) -> Response:
        view = shelf.view(request)
        file = view.part(files.load(view.folder, live.file_name_history), "history")
        return send(request, view.folder, [file], view=view)

    @routes.get("/backfill.py", Level.ANYBODY, summary="What could start now", also=[404])
    def backfill(request: Request) -> Response:
        view = shelf.view(request)
        return send(request, view.folder, [files.load(view.folder, live.file_name_backfill)], view=view)

    @routes.get("/page.py", Level.ANYBODY, summary="One or several files of the page", also=[404],
                responses={200: SEVERAL})  # fmt: skip
    def page(request: Request, name: Names) -> Response:
        view = shelf.view(request)
        found = [view.part(files.page(view.folder, page), page) for page in name]
        lasting = None not in found and all(LASTING.fullmatch(page) for page in name)
        return send(request, view.folder, found, lasting=lasting, view=view)

    return routes


def send(
    request: Request,
    folder: Path,
    files: list[Stored | None],
    headers: dict[str, str] | None = None,
    *,
    lasting: bool = False,
    view: View | None = None,
) -> Response:
    """Answer with the files in the form that the reader takes; `lasting` ones may be kept for ever.

    `view` is for whom: where the answer differs between people no proxy may keep it, and X-Jobmon-User says who it is.
    """
    private = view.private if view else ""
    if not any(files):
        if not folder.is_dir():
            raise ProblemError(503, "The folder of the published files is missing.")
        if len(files) == 1:
            raise ProblemError(404, "There is no such file, or not yet.")
    packed = negotiation.accepts_gzip(request.headers.get("accept-encoding", ""))
    tag = '"' + ".".join(file.tag if file else "0" for file in files) + ("-gzip" if packed else "") + '"'
    headers = {
        "Vary": f"Accept-Encoding, {private}" if private else "Accept-Encoding",
        "ETag": tag,
        "Cache-Control": f"{'private' if private else 'public'}, max-age=31536000, immutable"
        if lasting
        else "private, no-cache"
        if private
        else "no-cache",
        **({"X-Jobmon-User": quote(view.shown)} if view and view.shown else {}),
        **(headers or {}),
    }
    if negotiation.is_known(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    contents = [file.content if file else NULL for file in files]
    kind = JSON if len(files) == 1 else LINES
    try:
        if packed:
            headers["Content-Encoding"] = "gzip"
            body = contents[0] if len(contents) == 1 else joined.join(contents)
        elif joined.length(contents) > AT_ONCE_BYTES:
            whole = sum(len(piece) for piece in joined.unpacked(contents))  # a damaged file is told, not half sent
            headers["Content-Length"] = str(whole)
            return StreamingResponse(joined.unpacked(contents), 200, headers, kind)
        else:
            body = joined.unpack(contents)
    except SpoolError as error:
        raise ProblemError(500, "A published file is damaged or cut off.") from error
    return Response(body, 200, headers, kind)
