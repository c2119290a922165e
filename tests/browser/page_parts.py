"""Where things stand on the page."""

from playwright.sync_api import Locator, Page


def jobs(page: Page) -> Locator:
    return page.get_by_role("table", name="Jobs", exact=True).locator("tbody tr.row")


def row(page: Page, job: str) -> Locator:
    return jobs(page).filter(has=page.locator(f'a[title^="{job} "]'))


def detail(page: Page, title: str) -> Locator:
    return page.locator("section.pane-detail").filter(has=page.get_by_role("heading", name=title, exact=True))
