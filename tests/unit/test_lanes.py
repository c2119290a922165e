"""Submissions side by side: what was given is submitted, also when no thread could be had at first."""

import threading

import pytest

from jobmon.engine.submission.lanes import Lanes


def test_what_no_thread_was_there_for_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = Lanes(lambda row: row["submit_key"])
    lanes.give({"submit_key": key} for key in ("a", "b"))

    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RuntimeError):
            lanes.run(60)
    assert lanes.keys() == {"a", "b"}
    lanes.run(60)
    assert sorted(lanes.take()) == ["a", "b"]
    assert lanes.keys() == set()
