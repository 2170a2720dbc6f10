"""The link over TCP: the token that opens it, the authorities it believes, and any of several operators."""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.cluster.certificates import Authority
from tests.fakes.operator import FakeOperator
from tests.support.containers import TOKEN, Pod
from tests.support.worker import until


async def test_a_refused_token_is_told_and_a_renewed_one_is_read(operator: FakeOperator, pod: Pod) -> None:
    pod.token.write_text("stale", encoding="utf-8")
    pod.start_zygote()
    pod.start_supervisor()
    await operator.until(lambda: operator.turned_away == ["Bearer stale"], "the first try")
    await until(lambda: pod.said("refused this worker (HTTP 401)"), "the complaint")
    assert not pod.said("stale")
    pod.token.write_text(TOKEN, encoding="utf-8")
    await operator.until(lambda: operator.connections == 1, "the second try", 30)


async def test_a_token_that_is_renewed_between_two_connections_is_the_one_that_is_sent(
    operator: FakeOperator, pod: Pod
) -> None:
    pod.start_zygote()
    pod.start_supervisor()
    await operator.until(lambda: operator.connections == 1, "the first connection")
    pod.token.write_text("renewed", encoding="utf-8")
    operator.behaviour.token = "renewed"
    await operator.cut()
    await operator.until(lambda: operator.connections == 2, "the second connection")
    assert operator.turned_away == []


async def test_a_missing_token_file_is_named_and_waited_for(operator: FakeOperator, pod: Pod) -> None:
    pod.token.unlink()
    pod.start_zygote()
    pod.start_supervisor()
    await until(lambda: pod.said(str(pod.token)), "the complaint")
    pod.token.write_text(TOKEN, encoding="utf-8")
    await operator.until(lambda: operator.connections == 1, "the connection")


async def test_an_operator_is_believed_by_the_given_authority_and_by_no_other(
    operator: FakeOperator, tmp_path: Path
) -> None:
    ours = Authority.create(tmp_path / "ours")
    others = Authority.create(tmp_path / "others")
    pair = ours.issue("operator", "operator", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    authority = tmp_path / "ca.crt"
    authority.write_bytes(others.root.read_bytes())
    operator.behaviour.token = TOKEN
    pod = Pod(await operator.listen(context), NICE_CA_FILE=str(authority))
    try:
        pod.start_zygote()
        pod.start_supervisor()
        await until(lambda: pod.said("CERTIFICATE_VERIFY_FAILED"), "the complaint")
        assert operator.connections == 0
        authority.write_bytes(ours.root.read_bytes())
        await operator.until(lambda: operator.connections == 1, "the connection", 30)
    finally:
        pod.remove()
