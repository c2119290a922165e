"""Searching an output for an expression never hangs, whatever the expression, and is cheap when often asked."""

import os
import resource
import signal
import threading

import pytest

from jobmon.batch.workflow import searching
from jobmon.batch.workflow.searching import Found, Searcher, SearchUnavailable


@pytest.fixture
def searcher():
    with Searcher() as kept:
        yield kept


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 64 + "!"),
        (r"(\w+\s?)*:", "word " * 10_000),
        ("(x+x+)+y", "x" * 65_536),
        ("(.*)*(.*)*z", "a" * 999),
    ],
)
def test_a_pathological_expression_is_stopped_and_the_next_search_works(searcher, pattern, text):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert searcher.search(pattern, text) == Found(False, {}, "was stopped after 100 ms")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5
    assert searcher.search("(?P<word>b+)", "abbb") == Found(True, {"word": "bbb"})
    assert searcher.starts == 2


def test_one_process_answers_many(searcher):
    assert all(searcher.search("needle", "hay " * 16_000 + "needle").matched for _ in range(200))
    assert searcher.starts == 1


def test_groups_without_a_value_are_left_out(searcher):
    assert searcher.search("(?P<a>x)|(?P<b>y)", "y") == Found(True, {"b": "y"})


@pytest.mark.parametrize("text", ["é\u2028\0\n", "\ud800", "", "x" * 1_000_000])
def test_any_text_can_be_searched(searcher, text):
    assert searcher.search(r"\A", text).matched


def test_a_process_that_was_killed_is_replaced_within_the_same_search(searcher):
    assert searcher.search("a", "a").matched
    os.kill(searcher._process.pid, signal.SIGKILL)
    assert searcher.search("a", "a") == Found(True)
    assert searcher.starts == 2


def test_a_process_that_is_frozen_is_replaced(searcher, monkeypatch):
    monkeypatch.setattr(searching, "PATIENCE_S", 0.3)
    assert searcher.search("a", "a").matched
    os.kill(searcher._process.pid, signal.SIGSTOP)
    assert searcher.search("a", "a" * 5_000_000) == Found(True)  # more than fits into the socket


def test_without_a_process_nothing_is_decided(searcher, monkeypatch):
    monkeypatch.setattr(searching.sys, "executable", "/nowhere/python")
    with pytest.raises(SearchUnavailable) as caught:
        searcher.search("a", "a")
    assert caught.value.retry_can_help


def test_threads_get_their_own_answers(searcher):
    wrong = []

    def ask(word):
        wrong.extend(word for _ in range(50) if searcher.search("(?P<x>.+)", word).groups != {"x": word})

    threads = [threading.Thread(target=ask, args=(f"word{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_closing_ends_the_process(searcher):
    searcher.search("a", "a")
    pid = searcher._process.pid
    searcher.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
