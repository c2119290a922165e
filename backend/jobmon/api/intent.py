"""Tell requests of our own pages from those that another site makes a browser send."""

from urllib.parse import SplitResult, urlsplit

from starlette.requests import Request

PORTS = {"http": 80, "https": 443}
Place = tuple[str, int | None]


def problem_of(request: Request, public_url: str, proven: bool) -> str:
    """Say why a request may come from elsewhere, "" when it does not.

    Our pages send a header that another site cannot add. Where the page's address is set, it must be the request's
    origin, whatever host names the browser or a web server in front have used. Else the browser's own word counts,
    which is sent over https and to this machine; without it, origin and host are compared. `proven` says that the
    request comes from the web server in front, whose X-Forwarded-Host is believed.
    """
    if not request.headers.get("x-requested-with"):
        return "the header X-Requested-With is missing"
    origins = request.headers.getlist("origin")
    origin = _split(origins[0]) if len(origins) == 1 else None
    if origins and origin is None:
        return "the header Origin names no site"
    if public_url:
        wanted = _split(public_url)
        if origin is None or wanted is None or (origin.scheme, _place(origin)) == (wanted.scheme, _place(wanted)):
            return ""
        return "the header Origin differs from [web] public_url"
    fetched = request.headers.getlist("sec-fetch-site")
    if fetched:
        return "" if set(fetched) == {"same-origin"} else "the browser says that another site asks (Sec-Fetch-Site)"
    if origin is None or _place(origin) in _hosts(request, origin.scheme, proven):
        return ""
    return (
        "the header Origin differs from Host; let the web server in front pass on Host with its port, or set "
        "[web] public_url"
    )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if good else None


def _place(parts: SplitResult) -> Place:
    return (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme)


def _hosts(request: Request, scheme: str, proven: bool) -> set[Place]:
    """Return under which names the request was sent to us, or to the web server in front."""
    names = request.headers.getlist("host")[:1]
    if proven:  # each server on the way adds the name that it was asked under; ours is the last one
        names += [value.rpartition(",")[2].strip() for value in request.headers.getlist("x-forwarded-host")[-1:]]
    return {_place(parts) for name in names if (parts := _split(f"{scheme}://{name}"))}
