"""What strangers write is text: in every field of every page, whatever it says."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Visitor, call, ended_run

# The visitor's own watch (no dialog, no script error, no policy violation) is asserted when it leaves.


def forbidden_elements(page: Page) -> int:
    """Elements that only injected text could have made."""
    return int(
        page.evaluate(
            """() => document.querySelectorAll(
            "script:not([type=module][src]), img:not([alt='']), svg[onload], [onclick], [onerror], " +
            "a[href^='javascript:'], main b[onclick], iframe, object").length"""
        )
    )


@pytest.mark.parametrize("path", ["/", "/ui/tasks/default/hostile", "/ui/runs", "/ui/pools", "/ui/workers"])
def test_a_hostile_task_is_only_text(visitor: Visitor, path: str) -> None:
    ended_run(visitor.base, "hostile", payload={"fail": "<script>alert('x')</script>"})
    page = visitor.opens(path)
    expect(page.locator("main h1")).to_be_visible()
    assert forbidden_elements(page) == 0
    assert "\u202e" not in page.locator("main").inner_text()
    visitor.photographs(f"hostile-{path.strip('/').replace('/', '-') or 'list'}")


def test_its_page_shows_code_and_payload_as_they_are(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/hostile")
    expect(page.locator(".source")).to_contain_text("</code><script>alert('code')</script>")
    expect(page.get_by_label("Payload (JSON)")).to_have_value(
        '{\n  "__proto__": "<script>alert(\'payload\')</script>",\n'
        '  "constructor": "</textarea><script>alert(\'textarea\')</script>",\n'
        '  "big": 9007199254740993,\n  "bidi": "user\\u202etxt.exe\\u200b"\n}'
    )


def test_a_finished_log_keeps_colours_and_nothing_else(visitor: Visitor) -> None:
    run = ended_run(visitor.base, "hostile")
    page = visitor.opens(f"/ui/runs/{run['id']}")
    log = page.locator(".log")
    for text in (
        "<script>alert('log')</script>", "<img src=x onerror=alert('log2')>", "title", "link", "cleared",
        "many parameters", "rtl \\u202eoverride \\u200b\\u2066", "event: end", "100 % done",
        '{"nice":"finish","state":"succeeded"}', "<svg onload=alert('err')>",
    ):  # fmt: skip
        expect(log).to_contain_text(text)
    expect(log).not_to_contain_text("1;1;1")
    expect(log.locator(".fg1").filter(has_text="onclick")).to_contain_text("<b onclick=alert(4)>red")
    for gone in ("pwn", "javascript:", "50 %", "\x1b", "\u202e"):
        expect(log).not_to_contain_text(gone)
    expect(page.locator("#facts")).to_contain_text("<script>alert('result')</script>")
    expect(page.locator("#facts")).to_contain_text("12345678901234567890")
    assert forbidden_elements(page) == 0
    visitor.photographs("hostile-run")


def test_the_same_log_live_is_text_too(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/hostile")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
    expect(page.locator(".log")).to_contain_text("<img src=x onerror=alert('log2')>")
    assert forbidden_elements(page) == 0


def test_an_error_message_is_text(visitor: Visitor) -> None:
    run = ended_run(visitor.base, "hostile", payload={"fail": True})
    page = visitor.opens(f"/ui/runs/{run['id']}")
    expect(page.locator("#head")).to_contain_text("<script>alert('message')</script>\\u202e")
    assert forbidden_elements(page) == 0


def test_typed_text_that_is_refused_comes_back_as_text(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/hostile")
    typed = "</textarea><script>alert('typed')</script>"
    page.get_by_label("Payload (JSON)").fill(typed)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#payload-problems")).to_be_visible()
    expect(page.get_by_label("Payload (JSON)")).to_have_value(typed)
    assert forbidden_elements(page) == 0


def test_an_address_is_not_reflected(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    assert forbidden_elements(page) == 0


def test_the_policy_would_stop_a_script_that_got_in(visitor: Visitor) -> None:
    """The control: our watch does see a violation when there is one."""
    page = visitor.opens("/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    page.wait_for_function("true")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert any("Content Security Policy" in said for said in visitor.trouble)
    visitor.trouble.clear()


def test_a_foreign_page_cannot_start_a_run(visitor: Visitor) -> None:
    before = len(call(visitor.base, "/api/v1/runs?task=quick")["runs"])
    page = visitor.page
    page.goto("data:text/html,<form method=post action='" + visitor.base + "/ui/tasks/default/quick/runs'>"
              "<button>win a prize</button></form>")  # fmt: skip
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    assert len(call(visitor.base, "/api/v1/runs?task=quick")["runs"]) == before
