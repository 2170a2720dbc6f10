"""CloudWatch in a cluster: moto in a pod, and before it a door that can be closed. What goes through the door
when it closes is broken off, as when a network fails; what moto keeps stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster.kubectl import Kubectl
from tests.support.pods import pod, service

SERVER, DOOR, PORT = "moto", "cloud", 5000
SECRET = "aws-keys"
GROUP = "/nice/e2e"
REGION = "eu-central-1"
KEYS = "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
READY_SECONDS = 90

RELAY = f"""
import asyncio, contextlib

async def copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()

async def serve(reader, writer):
    far_reader, far_writer = await asyncio.open_connection("{SERVER}", {PORT})
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", {PORT})
    await server.serve_forever()

asyncio.run(main())
"""

STREAMS = f"""
import boto3, json
logs = boto3.client("logs", region_name="{REGION}", endpoint_url="http://127.0.0.1:{PORT}",
                    aws_access_key_id="testing", aws_secret_access_key="testing")
names, more = [], {{}}
while True:
    page = logs.describe_log_streams(logGroupName="{GROUP}", **more)
    names += [stream["logStreamName"] for stream in page["logStreams"]]
    if "nextToken" not in page:
        break
    more = {{"nextToken": page["nextToken"]}}
print(json.dumps(names))
"""


@dataclass(frozen=True)
class Cloud:
    """One server of a namespace. ``images`` is what stands before ``moto:test``."""

    kubectl: Kubectl
    namespace: str
    images: str

    def start(self) -> None:
        """The server, the keys to it, and the door, open."""
        keys = {"apiVersion": "v1", "kind": "Secret", "stringData": {"credentials": KEYS}}
        keys["metadata"] = {"namespace": self.namespace, "name": SECRET}
        server = pod(self.namespace, SERVER, self._image, writable=["/tmp"])
        self.kubectl.apply(keys, server, service(self.namespace, SERVER, PORT))
        self.kubectl.apply(service(self.namespace, DOOR, PORT))
        self._wait(SERVER)
        self.open()

    def open(self) -> None:
        """Let connections through; returns when they are."""
        door = pod(self.namespace, DOOR, self._image, ["python3", "-c", RELAY])
        door["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
        self.kubectl.apply(door)
        self._wait(DOOR)

    def close(self) -> None:
        """Break off what goes through, and refuse what comes. The pod is gone when its processes are."""
        self.kubectl("delete", "pod", DOOR, "-n", self.namespace, "--wait", "--timeout=60s", seconds=70)

    def values(self) -> dict[str, Any]:
        """What the chart is told."""
        return {
            "backend": "cloudwatch",
            "region": REGION,
            "logGroupName": GROUP,
            "endpointUrl": f"http://{DOOR}.{self.namespace}.svc:{PORT}",
            "existingSecret": SECRET,
        }

    def streams(self) -> Sequence[str]:
        """Of the group, asked past the door."""
        said = self.kubectl("exec", SERVER, "-n", self.namespace, "--", "python3", "-c", STREAMS)
        names: list[str] = json.loads(said)
        return names

    @property
    def _image(self) -> str:
        return f"{self.images}/moto:test"

    def _wait(self, name: str) -> None:
        ready = ("wait", f"pod/{name}", "-n", self.namespace, "--for=condition=Ready")
        self.kubectl(*ready, f"--timeout={READY_SECONDS}s", seconds=READY_SECONDS + 10)
