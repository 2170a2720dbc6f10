"""The pages as people see them: lists, errors, workers, in the dark, on a phone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.browser import Visitor, call, ended_run
from tests.support.product import Product

BROKEN = """\
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata:
  name: broken
spec:
  timeoutAfter: soon
  run: {command: ["true"]}
"""


def test_the_list_tells_schedule_next_run_and_last_result(visitor: Visitor) -> None:
    ended_run(visitor.base, "hello")
    ended_run(visitor.base, "nightly")

    page = visitor.opens("/")

    nightly = page.get_by_role("row").filter(has_text="nightly")
    expect(nightly).to_contain_text("02:30")
    expect(nightly).to_contain_text("Europe/Berlin")
    expect(nightly.locator("td").nth(1)).to_contain_text("CE")
    expect(nightly.locator("td").nth(1)).to_contain_text("here")
    expect(nightly).to_contain_text("failed")
    expect(page.get_by_role("row").filter(has_text="hello")).to_contain_text("succeeded")
    visitor.photographs("task-list")


def test_a_run_started_from_the_list_shows_its_page(visitor: Visitor) -> None:
    page = visitor.opens("/")
    page.get_by_role("button", name="Run quick now").click()
    page.wait_for_url("**/ui/runs/*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
    expect(page.locator("#timeline")).to_contain_text("succeeded")


def test_a_refused_start_keeps_the_list_and_names_the_run_in_the_way(visitor: Visitor) -> None:
    run = call(visitor.base, "/api/v1/tasks/default/lonely/runs", {})
    page = visitor.opens("/")
    page.get_by_role("button", name="Run lonely now").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("lonely was not started")
    expect(alert.get_by_role("link")).to_have_attribute("href", f"/ui/runs/{run['id']}")
    visitor.photographs("task-list-refused")
    call(visitor.base, f"/api/v1/runs/{run['id']}/cancel", {})


def test_the_list_is_live_for_new_broken_and_removed_files(visitor: Visitor, folder: Path) -> None:
    page = visitor.opens("/")
    file = folder / "fresh.yaml"

    file.write_text(BROKEN.replace("soon", "1 minute").replace("broken", "fresh"))
    expect(page.get_by_role("row").filter(has_text="fresh")).to_be_visible()
    file.write_text(BROKEN.replace("broken", "fresh"))
    problem = page.locator("#broken")
    expect(problem).to_contain_text("fresh.yaml:6")
    expect(problem).to_contain_text("spec.timeoutAfter")
    expect(page.get_by_role("row").filter(has_text="fresh")).to_be_visible()
    visitor.photographs("task-list-broken-file")
    file.unlink()

    expect(problem).to_be_empty()
    expect(page.get_by_role("row").filter(has_text="fresh")).to_have_count(0)


def test_all_runs_can_be_filtered_by_state(visitor: Visitor) -> None:
    ended_run(visitor.base, "hello")
    ended_run(visitor.base, "nightly")
    page = visitor.opens("/ui/runs")
    visitor.photographs("runs")
    page.get_by_role("navigation", name="Filter").get_by_role("link", name="failed").click()
    expect(page.locator("tbody tr").first).to_contain_text("nightly")
    expect(page.locator("tbody")).not_to_contain_text("hello")


def test_the_workers_page_shows_the_local_worker(visitor: Visitor) -> None:
    page = visitor.opens("/ui/workers")
    expect(page.locator("tbody tr")).to_contain_text("connected")
    visitor.photographs("workers")


def test_the_pools_page_tells_who_works_and_what_waits_and_is_live(visitor: Visitor) -> None:
    page = visitor.opens("/ui/pools")
    row = page.locator("tbody tr")
    expect(row).to_contain_text("default/default")
    expect(row).to_contain_text("working")
    expect(row).to_contain_text("on this machine")
    expect(row.get_by_label("Slots in use")).to_have_attribute("value", "0")

    run = call(visitor.base, "/api/v1/tasks/default/lonely/runs", {})

    expect(row.get_by_label("Slots in use")).to_have_attribute("value", "1")
    visitor.photographs("pools")
    call(visitor.base, f"/api/v1/runs/{run['id']}/cancel", {})
    expect(row.get_by_label("Slots in use")).to_have_attribute("value", "0")


def test_what_is_not_there_has_a_page_that_helps(visitor: Visitor) -> None:
    page = visitor.opens("/ui/tasks/default/helo")
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    page.get_by_role("link", name="hello", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("hello")
    visitor.opens("/ui/runs/nonsense")
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    visitor.photographs("not-found")


def test_pages_fit_a_phone_and_the_dark(browser: Browser, product: Product) -> None:
    run = ended_run(product.base, "hello")
    small = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    with Visitor.arrives(browser, product.base, **small) as visitor:
        for path, name in (
            ("/", "tasks"), ("/ui/tasks/default/nightly", "task"), (f"/ui/runs/{run['id']}", "run"),
            ("/ui/runs", "runs"), ("/ui/pools", "pools"), ("/ui/workers", "workers"),
        ):  # fmt: skip
            page = visitor.opens(path)
            expect(page.locator("main h1")).to_be_visible()
            visitor.photographs(f"phone-dark-{name}")


def test_a_keyboard_reaches_the_content_first(visitor: Visitor) -> None:
    page = visitor.opens("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_every_control_and_landmark_has_a_name(visitor: Visitor) -> None:
    run = ended_run(visitor.base, "hello")
    paths = ("/", "/ui/tasks/default/hello", f"/ui/runs/{run['id']}", "/ui/runs", "/ui/pools", "/ui/workers")
    for path in paths:
        page = visitor.opens(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, a[href], textarea, nav, aside, [role=region]")]
            .filter((e) => e.offsetParent !== null || e.tagName === "NAV")
            .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))
            .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert nameless == [], path
        assert page.locator("main").count() == page.locator("h1").count() == 1
        assert page.evaluate("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size") == (
            page.locator("[id]").count()
        ), f"an id is used twice on {path}"
