"""Post JSON to a web server."""

import json
from typing import Any

import requests
import urllib3

from jobmon.config.secrets import check_readable
from jobmon.deadline import Deadline
from jobmon.engine.outbox.message import one_line
from jobmon.engine.outbox.parcel import NotSentError, Parcel
from jobmon.network import reason, watched

GONE = 410


def document(parcel: Parcel) -> dict[str, Any]:
    """Return what is posted."""
    return {
        "id": parcel.key,
        "subject": parcel.subject,
        "bundle": parcel.bundle,
        "digest": parcel.digest,
        "messages": [
            {
                "id": entry.id,
                "at": entry.made_at,
                "bundle": entry.bundle,
                "subject": entry.subject,
                "text": entry.text,
                "facts": dict(entry.facts),
            }
            for entry in parcel.entries
        ],
    }


def send(parcel: Parcel, timeout_s: float, ca_file: str = "") -> None:
    """Post a parcel; NotSentError when the answer is not one of success, without the address, which may be a secret."""
    if ca_file:
        check_readable(ca_file, "outbox: webhook_ca_file")
    headers = {"Content-Type": "application/json", "Idempotency-Key": parcel.key, "User-Agent": "jobmon"}
    with watched() as session, Deadline(timeout_s) as limit, limit.connecting():
        # a proxy of the environment is meant for what lies outside, names and passwords of .netrc are not
        session.trust_env = False
        try:
            with session.post(
                parcel.address,
                data=json.dumps(document(parcel)),
                headers=headers,
                timeout=timeout_s,
                allow_redirects=False,
                stream=True,  # what it answers is of no interest, however long it is
                proxies=requests.utils.get_environ_proxies(parcel.address),
                verify=ca_file or True,
            ) as response:
                status, words = response.status_code, one_line(response.reason or "", 100)
                limit.check()
        except (requests.Timeout, TimeoutError):
            raise NotSentError(f"the web server did not answer within {timeout_s:g} s") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if limit.passed:
                raise NotSentError(f"the web server did not answer within {timeout_s:g} s") from None
            raise NotSentError(f"the web server was not reached: {one_line(_cause(error))}") from None
    if not 200 <= status < 300:
        raise NotSentError(f"the web server says {status} {words}".strip(), final=status == GONE)


def _cause(error: BaseException) -> str:
    """Return why, in words that do not repeat the address."""
    cause = reason(error)
    return type(error).__name__ if "/" in cause else cause
