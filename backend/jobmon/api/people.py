"""Say what is to be known of people in order to show each of them only what is theirs."""

from typing import Any, Protocol

Document = dict[str, Any]


class People(Protocol):
    """Know whose jobs are whose, and what the public files call people."""

    def shown_name(self, user: str) -> str:
        """Return what the public files call a user."""

    def part(self, page: str, document: Document, user: str) -> Document | None:
        """Return one person's own part of a page that hides nothing; None when it has none for one person alone."""


class Everybody:
    """Be the people where no capability publishes anybody's jobs; `hides` says that their names are not told."""

    def __init__(self, *, hides: bool = False) -> None:
        self._hides = hides

    def shown_name(self, user: str) -> str:
        """Return the name itself, or a word that fits all."""
        return "somebody" if self._hides and user else user

    def part(self, page: str, document: Document, user: str) -> Document | None:
        """Return nothing: no page is known."""
        return None
