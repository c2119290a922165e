"""Read and write the compact notations for hosts and indices."""

import pytest

from jobmon.errors import SourceError
from jobmon.model import compress_indices, expand_hostlist, expand_indices, natural_key


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", ()),
        ("(null)", ()),
        ("n1", ("n1",)),
        ("n[1-3]", ("n1", "n2", "n3")),
        ("n[01-03,7],g1", ("n01", "n02", "n03", "n7", "g1")),
        ("n[8-11]", ("n8", "n9", "n10", "n11")),
        ("n[098-101]", ("n098", "n099", "n100", "n101")),
        ("r[1-2]n[1-2]", ("r1n1", "r1n2", "r2n1", "r2n2")),
        ("gpu-a[1-2]-ib.example", ("gpu-a1-ib.example", "gpu-a2-ib.example")),
        ("[1-2]", ("1", "2")),
        ("a,b,c", ("a", "b", "c")),
    ],
)
def test_host_lists(text: str, hosts: tuple[str, ...]) -> None:
    assert expand_hostlist(text) == hosts


@pytest.mark.parametrize(
    "text",
    ["n[1-", "n[1-2", "n]1[", "n[]", "n[a-b]", "n[3-1]", "n[1-2-3]", "n[1,,2]", "n[²]", "n[1-9999999]", "n[[1]]"],
)
def test_what_is_no_host_list_is_an_error(text: str) -> None:
    with pytest.raises(SourceError, match="host list"):
        expand_hostlist(text)


def test_a_product_of_ranges_cannot_fill_the_memory() -> None:
    with pytest.raises(SourceError):
        expand_hostlist("n[1-1000]x[1-1000]")
    with pytest.raises(SourceError):
        expand_hostlist(",".join(["n[1-100000]"] * 3))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0-3,8", (0, 1, 2, 3, 8)), ("", ()), ("N/A", ()), ("(null)", ()), ("5", (5,)), ("10-14:2", (10, 12, 14))],
)
def test_indices(text: str, numbers: tuple[int, ...]) -> None:
    assert expand_indices(text) == numbers


@pytest.mark.parametrize("text", ["x", "1-", "-1", "3-1", "1-2-3", "0-9999999999", "1-5:0", "1,,2", "0x10"])
def test_what_is_no_list_of_indices_is_an_error(text: str) -> None:
    with pytest.raises(SourceError, match="list of indices"):
        expand_indices(text)


@pytest.mark.parametrize("text", ["", "0", "0-3", "0-3,8", "1,3,5-6"])
def test_indices_are_written_as_they_are_read(text: str) -> None:
    assert compress_indices(expand_indices(text)) == text


def test_indices_are_written_in_order_and_once() -> None:
    assert compress_indices([3, 1, 2, 2, 9]) == "1-3,9"


def test_hosts_sort_by_number() -> None:
    assert sorted(["n10", "n2", "g1", "n1", "n2-ib", "n²"], key=natural_key) == ["g1", "n1", "n2", "n2-ib", "n10", "n²"]
