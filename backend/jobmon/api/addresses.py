"""Know which methods each address answers, whichever of its routes answers which."""

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import compile_path

READ = ("GET", "HEAD")
"""What answers GET answers HEAD too, see web.outermost."""


class Addresses:
    """Be the addresses of an application that are described; all others are files of the page."""

    def __init__(self, app: FastAPI) -> None:
        self._known = [
            (compile_path(context.path)[0], tuple(sorted(context.methods or ())))
            for context in iter_route_contexts(app.routes)
            if isinstance(context.original_route, APIRoute) and context.include_in_schema and context.path
        ]

    def methods(self, path: str) -> list[str]:
        """Return what a path answers."""
        found = {method for pattern, methods in self._known for method in methods if pattern.match(path)}
        reads = READ if "GET" in found or not found else ()
        return [*reads, *sorted(found - set(READ))]

    def is_declared(self, path: str) -> bool:
        """Say whether a path is one of them."""
        return any(pattern.match(path) for pattern, _ in self._known)
