"""People who sign in to nginx, Apache and lighttpd, as these are shipped, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import front
from browser.batch_page import rows, submit, watch
from web_servers import STARTS

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.timeout(300)]
HEADERS = {"lighttpd": "Forwarded"}


@pytest.fixture(params=[(name, proof) for name in STARTS for proof in ("socket", "secret")], ids="-".join)
def page_address(request: pytest.FixtureRequest, tmp_path: Path, built: Path) -> Iterator[str]:
    name, proof = request.param
    with (
        front.daemon(tmp_path, proof=proof, header=HEADERS.get(name, "X-Remote-User")) as made,
        made.server(name, proof) as url,
    ):
        yield url


def test_who_signs_in_to_the_web_server_in_front_submits_a_job(chromium: Browser, page_address: str) -> None:
    stranger = chromium.new_context()
    assert stranger.request.get(page_address).status == 401
    stranger.close()
    errors: list[str] = []
    for user, account in (("olga", "olga"), ("ada", "ada")):
        signed_in = chromium.new_context(http_credentials={"username": user, "password": front.PASSWORDS[user]})
        page = watch(signed_in, errors)
        page.goto(f"{page_address}#/batch/jobs")
        expect(page.locator(".account")).to_have_text(account)
        if user == "olga":
            detail = submit(page, "sh -c 'echo done by olga'")
            expect(detail.get_by_text("Succeeded", exact=True).first).to_be_visible()
            expect(rows(page, "Jobs")).to_have_count(1)
        else:
            page.get_by_role("button", name="Submit a job").click()
            form = page.get_by_role("form", name="Submit a job")
            form.get_by_label("Command").fill("true")
            form.get_by_role("button", name="Submit").click()
            expect(form.get_by_text("[batch] users")).to_be_visible()
        signed_in.close()
    assert errors == []
