"""Serve the built page: index.html is asked for again each time, assets with a hash in their name never."""

import mimetypes
from functools import lru_cache
from pathlib import Path

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from jobmon import reading
from jobmon.api.addresses import Addresses
from jobmon.api.problems import ProblemError, wrong_method
from jobmon.api.routes import Level, Routes
from jobmon.errors import SettingsError
from jobmon.spool import writer
from jobmon.web import negotiation

FOLDER = Path(__file__).with_name("static")
NOT_BUILT = "The page has not been built yet. Build it with:\n\n    ./jobmon.sh build\n"
PACKED_TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml", "application/manifest+json")
PACKED_FROM_BYTES = 1024
MOST_BYTES = 64 << 20


def router(site: str, folder: Path = FOLDER) -> Routes:
    """Return the addresses of the page; `site` is the file to serve as /site.json instead of the built one, or ""."""
    if site and not Path(site).is_file():
        raise SettingsError(f'[web] site = "{site}": there is no such file; leave it empty to use the page\'s own')
    routes = Routes(quick=True, include_in_schema=False)

    @routes.get("/site.json", Level.ANYBODY)
    def settings_of_the_page(request: Request) -> Response:
        return _send(request, Path(site) if site else folder / "site.json")

    @routes.get("/{path:path}", Level.ANYBODY)
    def file(request: Request, path: str) -> Response:
        addresses: Addresses = request.app.state.addresses
        if addresses.is_declared(request.url.path):  # for other methods than this one
            raise wrong_method(addresses.methods(request.url.path))
        try:
            wanted = (folder / (path or "index.html")).resolve()
        except (OSError, ValueError) as error:  # names that are too long, or hold a zero byte
            raise ProblemError(404, "There is no such page.") from error
        if not path and not wanted.is_file():
            return PlainTextResponse(NOT_BUILT, 503, {"Cache-Control": "no-store"})
        if not wanted.is_relative_to(folder.resolve()):
            raise ProblemError(404, "There is no such page.")
        return _send(request, wanted, lasting=path.startswith("assets/"))

    return routes


def _send(request: Request, file: Path, *, lasting: bool = False) -> Response:
    try:
        with reading.opened(file, follow=True) as (handle, status):
            body = reading.read(handle, MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise ProblemError(404, f"What is in its place has more than {MOST_BYTES >> 20} MiB, and is no page.")
    except OSError as error:
        raise ProblemError(404, "There is no such page.") from error
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    packable = media_type.startswith(PACKED_TYPES) and len(body) >= PACKED_FROM_BYTES
    packed = packable and negotiation.accepts_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}{"-gzip" if packed else ""}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
    if packable:
        headers["Vary"] = "Accept-Encoding"
    if negotiation.is_known(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
        body = _packed(body)
    return Response(body, 200, headers, media_type)


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    return writer.compress(body)
