"""Running tasks from the page: with a payload, live, stopped, again, and all of it without JavaScript."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Visitor, call, ended_run


def live_run(visitor: Visitor) -> Page:
    """The page of a run that talks until it is stopped."""
    run = call(visitor.base, "/api/v1/tasks/default/chatty/runs", {})
    return visitor.opens(f"/ui/runs/{run['id']}")


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")


def test_a_task_runs_with_the_payload_that_was_typed(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/hello")
    expect(page.get_by_label("Payload (JSON)")).to_have_value('{\n  "name": "Ada"\n}')
    visitor.photographs("task")

    page.get_by_label("Payload (JSON)").fill('{"name": "Grace", "year": 9007199254740993}')
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
    expect(page.locator("#facts")).to_contain_text('"greeting": "Hello, Grace!"')
    expect(page.locator("#facts")).to_contain_text("9007199254740993")
    expect(page.locator(".log .fg2")).to_have_text("Hello")
    expect(page.locator("[data-log-state]")).to_have_text("complete, 1 line")
    for fact in ("the page", "Exit code", "Free memory of the host", "Peak memory", "Processor time"):
        expect(page.locator("#facts")).to_contain_text(fact)
    visitor.photographs("run")


def test_json_is_checked_while_it_is_typed(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/hello")
    page.get_by_label("Payload (JSON)").fill('{"name": ')
    expect(page.locator("[data-json-note]")).to_contain_text("not JSON yet")
    page.get_by_label("Payload (JSON)").fill('{"name": "Ada"}')
    expect(page.locator("[data-json-note]")).to_contain_text("valid JSON")


def test_a_payload_the_schema_refuses_names_the_field_and_keeps_the_text(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/hello")
    typed = '{"name": 5,  "year": 12345678901234567890}'
    page.get_by_label("Payload (JSON)").fill(typed)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#payload-problems")).to_contain_text("name")
    expect(page.get_by_label("Payload (JSON)")).to_have_value(typed)
    expect(page.get_by_label("Payload (JSON)")).to_have_attribute("aria-invalid", "true")
    visitor.photographs("task-payload-refused")


def test_the_log_is_live_and_can_be_paused(visitor: Visitor) -> None:
    page = live_run(visitor)
    expect(page.get_by_text("line 5", exact=True)).to_be_visible()
    expect(page.locator(".l.stderr").first).to_contain_text("warning 5")
    visitor.photographs("run-live")

    page.get_by_role("button", name="Pause").click()
    shown = page.locator(".log .l").count()
    expect(page.locator("[data-log-state]")).to_have_text(re.compile(r"paused, [1-9]\d* new lines"))
    assert page.locator(".log .l").count() == shown
    page.get_by_role("button", name="Go on").click()

    expect(page.locator(f".log .l >> nth={shown + 5}")).to_be_attached()
    numbers = page.locator(".log .n").evaluate_all("all => all.map((a) => Number(a.dataset.n))")
    assert numbers == list(range(1, len(numbers) + 1))
    stop(page)


def scroll_up(page: Page, follow: Locator) -> None:
    """As a person does it: again, when a line that came in the same moment took the view along."""
    for _ in range(5):
        page.mouse.wheel(0, -300)
        try:
            return expect(follow).to_have_attribute("aria-pressed", "false", timeout=1000)
        except AssertionError:
            continue
    raise AssertionError("the log follows on, however often one scrolls up")


def test_following_stops_when_one_scrolls_up_and_lines_can_be_unwrapped(visitor: Visitor) -> None:
    page = live_run(visitor)
    follow = page.get_by_role("button", name="Follow")
    expect(page.get_by_text("line 40", exact=True)).to_be_attached()
    page.locator(".log").hover()
    scroll_up(page, follow)
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Wrap").click()
    expect(page.locator(".log")).not_to_have_class(re.compile("wrap"))
    stop(page)


def test_a_run_is_stopped_and_its_page_follows(visitor: Visitor) -> None:
    page = live_run(visitor)
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    stop(page)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator("[data-log-state]")).to_contain_text("complete")
    visitor.photographs("run-stopped")


def test_a_run_is_repeated_with_another_payload(visitor: Visitor) -> None:
    first = ended_run(visitor.base, "hello", payload={"name": "Ada"})
    page = visitor.opens(f"/ui/runs/{first['id']}")
    page.get_by_role("link", name="Run again").click()
    page.get_by_label("Payload (JSON)").fill('{"name": "Grace"}')
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#facts")).to_contain_text("Hello, Grace!")
    expect(page.locator("#facts")).to_contain_text("Repeats")


def test_history_grows_by_load_more(visitor: Visitor) -> None:
    made = [ended_run(visitor.base, "quick")["id"] for _ in range(25)]
    page = visitor.opens("/ui/tasks/default/quick")
    expect(page.locator("#history tbody tr")).to_have_count(20)
    page.get_by_role("link", name="Load more").click()
    expect(page.locator("#history tbody tr")).to_have_count(25)
    shown = page.locator("#history tbody tr").evaluate_all("rows => rows.map((r) => r.id.slice(4))")
    assert shown == made[::-1]
    expect(page.get_by_role("link", name="Load more")).to_have_count(0)


def test_both_downloads_hold_the_log(visitor: Visitor) -> None:
    run = ended_run(visitor.base, "hello")
    page = visitor.opens(f"/ui/runs/{run['id']}")
    for name, text in (("Raw", "\x1b[32mHello\x1b[0m, Ada!\n"), ("Formatted", " stdout Hello, Ada!\n")):
        with page.expect_download() as started:
            page.get_by_role("link", name=name).click()
        assert started.value.path().read_text().endswith(text)


def test_everything_works_without_javascript(plain_visitor: Visitor) -> None:
    page = plain_visitor.opens("/")
    page.get_by_role("link", name="hello", exact=True).click()
    page.get_by_label("Payload (JSON)").fill('{"name": 1}')
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#payload-problems")).to_contain_text("name")
    plain_visitor.photographs("no-script-refused")
    page.get_by_label("Payload (JSON)").fill('{"name": "Linus"}')
    page.get_by_role("button", name="Run", exact=True).click()
    run = page.url.rpartition("/")[2]
    call(plain_visitor.base, f"/api/v1/runs/{run}?wait=30")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
    expect(page.locator(".log")).to_contain_text("Hello, Linus!")
    plain_visitor.photographs("no-script-run")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#facts")).to_contain_text("Repeats")


def test_stopping_and_older_history_work_without_javascript(plain_visitor: Visitor) -> None:
    page = live_run(plain_visitor)
    page.get_by_role("button", name="Stop").click()
    run = page.url.rpartition("/")[2]
    call(plain_visitor.base, f"/api/v1/runs/{run}?wait=30")
    page.wait_for_load_state()  # the answer to the form is a page of its own
    page.goto(page.url)
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    for _ in range(21):
        ended_run(plain_visitor.base, "quick")
    plain_visitor.opens("/ui/tasks/default/quick")
    page.get_by_role("link", name="Load more").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
