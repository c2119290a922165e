"""Read who has signed in from the header Forwarded (RFC 7239), which is where lighttpd says it."""

import re

HEADER = "forwarded"
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = rf"{_WORD}=(?:[^\s\",;]*|{_QUOTED})"
_ELEMENT = re.compile(rf"\s*(?:{_PAIR}(?:\s*;\s*{_PAIR})*)?\s*(,|$)")
_PART = re.compile(rf"({_WORD})=([^\s\",;]+|{_QUOTED}|)")
PARAMETER = "remote_user"


def names(value: str) -> list[str]:
    """Return whom the last server on the way names, which is the web server in front; ValueError for nonsense.

    What comes before was said by others. It must be well-formed all the same: an open quote could swallow what follows.
    """
    at, last = 0, ""
    while True:
        found = _ELEMENT.match(value, at)
        if found is None:
            raise ValueError("not as RFC 7239 wants it")
        last, at = found[0].rstrip(","), found.end()
        if not found[1]:
            break
    return [_unquoted(text) for name, text in _PART.findall(last) if name.lower() == PARAMETER]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
