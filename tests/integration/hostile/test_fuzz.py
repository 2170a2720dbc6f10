"""Any sequence of messages, on every WebSocket of a running server, from many connections at once.

Whatever comes, the server answers somebody else, no worker is given more than it asked for, and every job
that was accepted has at most one end, which does not change. ``NICE_FUZZ_EXAMPLES`` looks longer.

What is drawn depends on nothing that the server does, so that a sequence that failed can be tried again: a
number picks among what there is at the time.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.integration.hostile.doors import DOORS, HELLO
from tests.integration.hostile.server_thread import Connection, ServerThread, leave
from tests.support.raw_http import frame, raw_socket, request, say

MOST_CONNECTIONS = 8
FINAL = {"succeeded", "failed", "timed_out", "cancelled", "lost"}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["work", "work", "job", "brought", "", "💥", "x" * 300, "a/b"])
whens = st.sampled_from(["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon", ""]) | values
nonces = st.just({}) | st.builds(lambda value: {"nonce": value}, values)

numbers = st.integers(0, 999)
shifts = st.sampled_from([0, 0, 0, 1, -1])
reported = st.sampled_from(
    ["start", "start", "finish", "finish", "release", "log", "heartbeat", "draining", "hello"]
)

client_messages = st.one_of(
    st.just({"action": "GetTasks"}),
    st.builds(lambda n, o: {"action": "RunTask", "name": n, "options": o}, names, values),
    st.builds(lambda w, n: {"action": "ScheduleTask", "when": w, "name": n}, whens, names),
    st.builds(lambda i: {"action": "UnscheduleTask", "id": i}, values),
    st.builds(lambda a: {"action": a}, values),
)
frames = st.one_of(
    st.builds(frame, st.integers(0, 15), st.binary(max_size=130), fin=st.booleans(), rsv=st.integers(0, 7)),
    st.binary(max_size=40),
    texts.map(lambda text: frame(1, text.encode())),
    values.map(lambda value: frame(1, json.dumps(value).encode())),
)


class HostileCrowd(RuleBasedStateMachine):
    """Clients, workers outside and workers of pools, none of which follows any rule."""

    @initialize()
    def begin(self) -> None:
        self.server = ServerThread()
        self.accepted: set[str] = set()
        self.ends: dict[str, tuple[str, str | None, str]] = {}
        self.bystander = self.server.open("client")
        for door in ("client", "worker", "worker", "link", "link"):
            self.comes(door, greets=True)
        for task in ("work", "job", "work", "job"):
            self.requests(task, 1, None)

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        try:
            self.an_honest_worker_still_does_its_job()
        finally:
            self.server.end()

    # ------------------------------------------------------------ coming and going

    def pick(self, number: int, *doors: str) -> Connection | None:
        """One of the open connections; None when there is none."""
        found = [c for c in self.server.connections[1:] if c.open and c.door in (doors or DOORS)]
        return found[number % len(found)] if found else None

    @rule(door=st.sampled_from(sorted(DOORS)), greets=st.booleans())
    def comes(self, door: str, greets: bool) -> None:
        if sum(connection.open for connection in self.server.connections) > MOST_CONNECTIONS:
            return
        connection = self.server.open(door)
        if greets and door == "link":
            worker = f"worker-{len(self.server.connections) % 3}"
            self.tell(connection, HELLO | {"session": str(uuid4()), "worker": worker})
            self.asks_for(connection, 2)
        if greets and door == "worker":
            self.tell(connection, {"action": "RegisterTask", "name": "work"})
            self.asks_for(connection, 2)

    def asks_for(self, connection: Connection, jobs: int) -> None:
        connection.asked += max(jobs, 0)
        if connection.door == "link":
            self.tell(connection, {"type": "credit", "add": jobs})
        else:
            for _ in range(jobs):
                self.tell(connection, {"action": "GetTask"})

    @rule(number=numbers)
    def goes(self, number: int) -> None:
        if connection := self.pick(number):
            self.server.run(leave(connection))

    def tell(self, connection: Connection, message: Any) -> None:
        self.send(connection, frame(1, json.dumps(message).encode()))

    def send(self, connection: Connection, data: bytes) -> None:
        try:
            self.server.run(connection.socket.send(data))
        except ConnectionError:
            connection.open = False

    # ------------------------------------------------------------ saying

    @rule(number=numbers, sent=st.lists(frames, min_size=1, max_size=4))
    def says_anything(self, number: int, sent: list[bytes]) -> None:
        if connection := self.pick(number):
            self.send(connection, b"".join(sent))

    @rule(number=numbers, message=client_messages, nonce=nonces)
    def asks(self, number: int, message: dict[str, Any], nonce: dict[str, Any]) -> None:
        if connection := self.pick(number, "client"):
            self.tell(connection, message | nonce)

    @rule(number=numbers, name=names, jobs=st.integers(0, 3))
    def works(self, number: int, name: str, jobs: int) -> None:
        if connection := self.pick(number, "worker"):
            self.tell(connection, {"action": "RegisterTask", "name": name})
            self.asks_for(connection, jobs)

    @rule(number=numbers, which=numbers, result=values)
    def answers(self, number: int, which: int, result: Any) -> None:
        if connection := self.pick(number, "worker"):
            known = ["", "x" * 75, *(job["nonce"] for c in self.server.connections for job in c.jobs)]
            self.tell(
                connection, {"action": "SendResult", "nonce": known[which % len(known)], "result": result}
            )

    @rule(number=numbers, add=st.integers(-1, 5))
    def gives_credit(self, number: int, add: int) -> None:
        if connection := self.pick(number, "link"):
            self.asks_for(connection, add)

    @rule(number=numbers, result=values)
    def does_what_it_should(self, number: int, result: Any) -> None:
        connection = self.pick(number, "link")
        if connection and connection.assigned:
            run = connection.assigned[number % len(connection.assigned)]
            ref = {"run": run["run"], "epoch": run["epoch"]}
            for kind in ("start", "finish"):
                self.tell(connection, link_message(kind, ref, json.dumps(result)))

    @rule(number=numbers, which=numbers, kind=reported, shift=shifts, result=values)
    def reports(self, number: int, which: int, kind: str, shift: int, result: Any) -> None:
        if connection := self.pick(number, "link"):
            given = [{"run": str(uuid4()), "epoch": 1}]
            given += [m for c in self.server.connections for m in c.assigned]
            run = given[which % len(given)]
            ref = {"run": run["run"], "epoch": run["epoch"] + shift}
            self.tell(connection, link_message(kind, ref, json.dumps(result)))

    # ------------------------------------------------------------ over HTTP

    @rule(task=st.sampled_from(["work", "job"]), value=values, key=st.none() | st.sampled_from("abc"))
    def requests(self, task: str, value: Any, key: str | None) -> None:
        headers = {"Content_Type": "application/json"} | ({"Idempotency_Key": key} if key else {})
        body = json.dumps({"payload": value}).encode()
        status, document = self.http("POST", f"/api/v1/tasks/default/{task}/runs", body, **headers)
        assert status in (200, 201, 400, 422), (status, document)
        if status in (200, 201):
            self.accepted.add(document["id"])

    @rule(number=numbers, what=st.sampled_from(["cancel", "cancel", "retry"]))
    def stops(self, number: int, what: str) -> None:
        run = sorted(self.accepted)[number % len(self.accepted)] if self.accepted else str(uuid4())
        status, document = self.http("POST", f"/api/v1/runs/{run}/{what}")
        assert status in ((200, 201, 202, 409) if self.accepted else (404,)), (status, document)
        if status == 201:
            self.accepted.add(document["id"])

    def http(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        port = self.server.api.client.port
        assert port is not None
        said = self.server.run(say(port, request(method, path, body, **headers)))
        return said.status, json.loads(said.body)

    # ------------------------------------------------------------ what always holds

    @invariant()
    def somebody_else_is_answered(self) -> None:
        if not hasattr(self, "server"):
            return
        assert self.bystander.open
        number = len(self.bystander.heard)
        self.tell(self.bystander, {"action": "GetTasks", "nonce": number})
        self.server.run(_until(lambda: len(self.bystander.heard) > number))
        assert self.bystander.heard[-1]["nonce"] == number

    @invariant()
    def nobody_has_more_than_they_asked_for(self) -> None:
        for connection in (getattr(self, "server", None) and self.server.connections) or []:
            given = len(connection.jobs) if connection.door == "worker" else len(connection.assigned)
            assert connection.door == "client" or given <= connection.asked, connection

    @invariant()
    def every_job_has_at_most_one_end(self) -> None:
        for run in getattr(self, "accepted", ()):
            status, document = self.http("GET", f"/api/v1/runs/{run}")
            assert status == 200, document
            if document["state"] in FINAL:
                end = (document["state"], json.dumps(document["result"]), document["finishedAt"])
                assert self.ends.setdefault(run, end) == end
            else:
                assert run not in self.ends, document

    def an_honest_worker_still_does_its_job(self) -> None:
        """In the end: a new name, a new worker, a new job."""
        self.server.run(_honest(self.server))


def link_message(kind: str, ref: dict[str, Any], result: str) -> dict[str, Any]:
    """Something that a worker of a pool may say of a run."""
    host = {"name": "pod-1"}
    return {
        "start": {"type": "start", **ref, "host": host},
        "finish": {"type": "finish", **ref, "outcome": str(uuid4()), "state": "succeeded", "reason": "Done",
                   "result": result},
        "release": {"type": "release", **ref},
        "log": {"type": "log", **ref, "chunks": [
            {"first": 1, "lines": 1, "at": 0, "stream": "stdout", "text": "x\n"}]},
        "heartbeat": {"type": "heartbeat", "seq": 1, "runs": [ref]},
        "draining": {"type": "draining"},
        "hello": HELLO,
    }[kind]  # fmt: skip


async def _until(condition: Any) -> None:

    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


async def _honest(server: ServerThread) -> None:
    port = server.api.client.port
    assert port is not None
    async with raw_socket(port, "/worker") as worker, raw_socket(port, "/websocket") as client:
        await worker.say({"action": "RegisterTask", "name": "honest"})
        assert await worker.text() == ""
        await client.say({"action": "RunTask", "name": "honest", "options": 20, "nonce": 1})
        await worker.say({"action": "GetTask"})
        job = json.loads(await worker.text())
        await worker.say({"action": "SendResult", "nonce": job["nonce"], "result": job["options"] + 1})
        assert json.loads(await client.text()) == {"nonce": 1, "result": 21}


TestHostileCrowd = HostileCrowd.TestCase
TestHostileCrowd.settings = settings(
    max_examples=int(os.environ.get("NICE_FUZZ_EXAMPLES", "12")),
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
