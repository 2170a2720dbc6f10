"""What the pages' buttons do: start, stop, run again. Done: a redirect. Refused: the same page, and why."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import parse_qsl

from aiohttp import web

from nice_operator.domain.errors import InvalidInput, NiceError, Problem
from nice_operator.domain.run import Run, Trigger
from nice_operator.domain.task import Task
from nice_operator.engine.runs import RunRequest
from nice_operator.web.api.runs import run_of
from nice_operator.web.api.tasks import task_of
from nice_operator.web.aside import read_aside
from nice_operator.web.errors import Refusal, refusal_of
from nice_operator.web.identity import requester_of
from nice_operator.web.keys import ENGINE, OPTIONS, REQUEST_ID
from nice_operator.web.payloads import payload_of_text
from nice_operator.web.requests import body_text
from nice_operator.web.ui.run_page import show_run
from nice_operator.web.ui.show import pretty_json
from nice_operator.web.ui.task_list import show_tasks
from nice_operator.web.ui.task_page import PayloadForm, show_task
from nice_protocol.secrecy.members import masked_json

MOST_FIELDS = 16
_FORM = "application/x-www-form-urlencoded"


class _Shown(TypedDict):
    """How a refused request shows on its page."""

    form: PayloadForm
    alert: Refusal | None


async def start_run(request: web.Request) -> web.Response:
    """Run a task: from its row in the list with the default payload, or from its page with what was typed."""
    fields = await _fields(request)
    task = await task_of(request)
    typed = fields.get("payload", "")
    try:
        run = await _start(request, task, typed)
    except NiceError as error:
        refusal = refusal_of(error, request[REQUEST_ID])
        if fields.get("page") == "tasks":
            return await show_tasks(request, alert=refusal, alert_title=f"{task.name} was not started")
        return await show_task(request, task, **_refused(error, typed, refusal), status=refusal.status)
    raise _see(request, run)


async def _start(request: web.Request, task: Task, typed: str) -> Run:
    who = requester_of(request, Trigger.UI)
    payload = await payload_of_text(typed, task.spec.payload if task.spec else "null")
    wanted = RunRequest(task=task, payload=payload, requester=who)
    return (await request.app[ENGINE].runs.request(wanted)).run


async def stop_run(request: web.Request) -> web.Response:
    """Stop a run."""
    await _fields(request)
    run = await run_of(request)
    try:
        await request.app[ENGINE].runs.cancel(run.id, requester_of(request, Trigger.UI))
    except NiceError as error:
        refusal = refusal_of(error, request[REQUEST_ID])
        run = await run_of(request)
        return await show_run(
            request, run, alert=refusal, alert_title="It was not stopped", status=refusal.status
        )
    raise _see(request, run)


async def run_again(request: web.Request) -> web.Response:
    """Run it again with what is in the field."""
    typed = (await _fields(request)).get("payload", "")
    run = await run_of(request)
    try:
        payload = await payload_of_text(typed, run.payload)
        again = (await request.app[ENGINE].runs.rerun(run.id, requester_of(request, Trigger.UI), payload)).run
    except NiceError as error:
        refusal = refusal_of(error, request[REQUEST_ID])
        refused = _refused(error, typed or pretty_json(masked_json(run.payload)), refusal)
        return await show_run(
            request, run, **refused, alert_title="It was not run again", status=refusal.status
        )
    raise _see(request, again)


def _refused(error: NiceError, typed: str, refusal: Refusal) -> _Shown:
    """Wrong input is told at its field, everything else above the page."""
    if isinstance(error, InvalidInput):
        problems = error.problems or (Problem("", str(error)),)
        return {"form": PayloadForm(typed, problems), "alert": None}
    return {"form": PayloadForm(typed), "alert": refusal}


async def _fields(request: web.Request) -> dict[str, str]:
    if request.body_exists and request.content_type != _FORM:
        raise web.HTTPUnsupportedMediaType(text=f"this address takes the page's own forms ({_FORM})")
    return await read_aside(_form, await body_text(request))


def _form(text: str) -> dict[str, str]:
    try:
        form = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise InvalidInput("the form holds bytes that are not UTF-8; send it as UTF-8") from None
    except ValueError:
        raise InvalidInput(f"the form has more than {MOST_FIELDS} fields; send the page's own") from None
    return {name: value.replace("\r\n", "\n") for name, value in form}


def _see(request: web.Request, run: Run) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"{request.app[OPTIONS].base_path}/ui/runs/{run.id}")
