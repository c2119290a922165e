"""What was declared, on the strip of the time machine and on charts: to be seen, pointed at, read, and gone to."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import Published
from browser.page_files import HOSTILE
from browser.test_page_time import settle, shown_at
from browser.watched import Watched

pytestmark = [pytest.mark.browser]


def point_at(tab: Page, area: Locator, share: float) -> None:
    """Point at a place of a strip or chart, between 0 and 1 from the left."""
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    tab.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def test_the_strip_shows_marks_where_they_were_and_tells_their_names(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[20]}")
    settle(tab)
    strip = tab.get_by_role("slider")
    flags = tab.locator(".strip-area .flag")
    expect(flags).to_have_count(3)
    box, band = strip.bounding_box(), flags.nth(1).bounding_box()
    assert box
    assert band
    first, last = (float(strip.get_attribute(f"aria-value{end}") or 0) for end in ("min", "max"))
    for at, edge in ((watched.times[25], band["x"]), (watched.times[37], band["x"] + band["width"])):
        assert abs(edge - (box["x"] + box["width"] * (at - first) / (last - first))) < 4
    middle = (watched.times[30] - first) / (last - first)
    point_at(tab, strip, middle)
    expect(tab.locator(".strip .readout")).to_contain_text("power maintenance")
    point_at(tab, strip, (watched.times[17] - first) / (last - first))
    expect(tab.locator(".strip .readout")).not_to_contain_text("power maintenance")


def test_who_moves_in_time_by_keys_is_told_of_marks(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[30]}")
    settle(tab)
    strip = tab.get_by_role("slider")
    expect(strip).to_have_attribute("aria-valuetext", re.compile("mark: power maintenance"))
    strip.focus()
    tab.keyboard.press("PageDown")
    settle(tab)
    expect(strip).not_to_have_attribute("aria-valuetext", re.compile("mark: power"))


def test_marks_are_listed_and_gone_to_with_the_keyboard(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[45]}")
    settle(tab)
    tab.get_by_text("3 marks in this span").focus()
    tab.keyboard.press("Enter")
    entries = tab.locator(".time-machine .declared li")
    expect(entries).to_have_count(3)
    expect(entries.nth(0)).to_contain_text("kernel 6.1")
    expect(entries.nth(0)).to_contain_text("at once")
    expect(entries.nth(1)).to_contain_text("MAINT reservation")
    expect(entries.nth(1)).to_contain_text(re.compile(r"\d\d:\d\d – .*\d\d:\d\d"))
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile(f"at={watched.times[10]}"))
    settle(tab)
    assert shown_at(tab) == watched.times[10]


def test_a_name_that_looks_like_markup_is_text(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[-3]}")
    settle(tab)
    tab.get_by_text("3 marks in this span").click()
    expect(tab.locator(".declared li b").last).to_have_text(HOSTILE)
    expect(tab.locator(".declared li p").last).to_have_text(HOSTILE)
    expect(tab.locator(".strip .readout")).to_contain_text(HOSTILE)
    assert tab.locator("img").count() == 0
    assert tab.title() != "taken"


def test_the_charts_of_a_node_show_marks(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[-1]}")
    settle(tab)
    tab.locator(".pane-jobs tbody tr.row a").first.click()
    detail = tab.locator(".pane-detail")
    expect(detail.locator("figure.chart").first).to_be_visible()
    tab.goto(f"{watched.url}#/live?node={_a_node(watched)}")
    expect(detail.get_by_text("2 marks in this span")).to_be_visible()
    chart = detail.locator("figure.chart").first
    expect(chart.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("; mark: power maintenance; mark: <img")
    )
    point_at(tab, chart.locator(".u-over"), _share(watched, 30))
    expect(chart.locator(".mark-label:visible")).to_have_text("power maintenance")
    expect(detail.locator(".mark-label:visible")).to_have_count(1)
    point_at(tab, chart.locator(".u-over"), _share(watched, 42))
    expect(chart.locator(".mark-label")).to_have_count(0)
    assert _dark_columns(chart, _share(watched, 25)) > _dark_columns(chart, _share(watched, 22))
    chart.get_by_text("Table", exact=False).first.click()
    expect(chart.locator("tbody")).to_contain_text("power maintenance")
    detail.get_by_text("2 marks in this span").click()
    expect(detail.locator(".declared li").first).to_contain_text("MAINT reservation")


def test_the_charts_of_a_job_show_marks(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live")
    tab.locator(".pane-jobs tbody tr.row a").first.click()
    detail = tab.locator(".pane-detail")
    detail.get_by_role("button", name="2 h").or_(detail.get_by_role("button", name="30 min")).first.click()
    expect(detail.get_by_text(re.compile(r"\d marks? in this span"))).to_be_visible()


def _a_node(watched: Watched) -> str:
    before = watched.live._publisher.before
    assert before
    return str(next(row[0] for row in before.nodes if row[1]))


def _share(watched: Watched, point: int) -> float:
    """Return the place of a snapshot's time on an axis of the last half hour."""
    now = watched.times[-1]
    return (watched.times[point] - (now - 1800)) / 1800


def _dark_columns(chart: Locator, share: float) -> int:
    """Return how many of the pixels above the plot at a place are painted: a flag is."""
    return int(
        chart.evaluate(
            """(figure, share) => {
              const canvas = figure.querySelector("canvas");
              const over = figure.querySelector(".u-over").getBoundingClientRect();
              const whole = canvas.getBoundingClientRect();
              const ratio = canvas.width / whole.width;
              const x = Math.round((over.left - whole.left + share * over.width) * ratio);
              const y = Math.round((over.top - whole.top) * ratio);
              const size = Math.round(5 * ratio);
              const pixels = canvas.getContext("2d").getImageData(x - size, y - size, 2 * size, size).data;
              return pixels.filter((value, i) => i % 4 === 3 && value > 0).length;
            }""",
            share,
        )
    )


@pytest.mark.parametrize("content", [None, {"format": 1, "marks": "none"}, {"format": 1}, b"no json", [1]])
def test_a_page_without_marks_is_whole(page: Page, published: Published, content: object) -> None:
    if content is not None:
        published.write("live/marks", content)
    page.goto(f"{published.url}#/live?node=n1")
    expect(page.locator(".pane-detail figure.chart").first).to_be_visible()
    expect(page.locator(".pane-detail")).not_to_contain_text("in this span")


def test_a_broken_mark_costs_that_one(page: Page, published: Published, now: int) -> None:
    good = {"name": "good", "at": now - 600, "until": None, "note": "", "source": "person"}
    published.write("live/marks", {"format": 1, "marks": [{"name": 5}, None, {**good, "at": "x"}, good]})
    page.goto(f"{published.url}#/live?node=n1")
    expect(page.get_by_text("1 mark in this span")).to_be_visible()
