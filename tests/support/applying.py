"""Many manifests tried in one call of kubectl, each with an answer of its own: quicker than a call each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.kubectl import Answer, Kubectl

STRICTLY = ("--dry-run=server", "--validate=strict")
CLIENT_SIDE_LIMIT = 262_144
"""kubectl keeps a copy of what was applied in an annotation, which has at most so many bytes."""
NAMES_A_NAMESPACE = "\n  namespace: "
_REFUSED = re.compile(r'^Error from server[^\n]*?: error when \w+ "(?P<path>[^"\n]+)": ', re.MULTILINE)


def try_all(kubectl: Kubectl, namespace: str, texts: Mapping[str, str], folder: Path) -> dict[str, Answer]:
    """What the server says of each manifest (name → text), applied as a dry run into ``namespace``.

    ``folder`` is an empty folder for their files. An answer that the common call does not give for certain
    (a file that kubectl itself cannot read, one that is too large or names a namespace) is asked for alone.
    """
    small = {name: text for name, text in texts.items() if _fits_the_group(text)}
    paths = {str(folder / f"{number:04}.yaml"): name for number, name in enumerate(small)}
    for path, name in paths.items():
        Path(path).write_text(small[name], encoding="utf-8")
    said = kubectl.attempt("apply", *STRICTLY, "--namespace", namespace, "-f", str(folder), seconds=120)
    answers = {paths[path]: answer for path, answer in _refused(said.errors).items()}
    unread = {name for path, name in paths.items() if path in said.errors} - answers.keys()
    accepted = small.keys() - answers.keys() - unread
    _check_every_one_was_tried(said, len(accepted))
    answers |= {name: Answer(0, "accepted", "") for name in accepted}
    return answers | {name: _alone(kubectl, namespace, texts[name]) for name in texts.keys() - answers.keys()}


def _refused(errors: str) -> dict[str, Answer]:
    """The refusals by file, each with its own words only."""
    found = list(_REFUSED.finditer(errors))
    ends = [*(each.start() for each in found), len(errors)][1:]
    return {
        each["path"]: Answer(1, "", errors[each.start() : end])
        for each, end in zip(found, ends, strict=bool(found))
    }


def _check_every_one_was_tried(said: Answer, accepted: int) -> None:
    """kubectl may have given up in the middle: silence about a file is no acceptance."""
    told = said.output.count("(server dry run)")
    if told != accepted:
        raise AssertionError(
            f"kubectl told of {told} accepted manifests, {accepted} were expected: {said.errors}"
        )


def _fits_the_group(text: str) -> bool:
    return len(text) <= CLIENT_SIDE_LIMIT and NAMES_A_NAMESPACE not in text


def _alone(kubectl: Kubectl, namespace: str, text: str) -> Answer:
    where = [] if NAMES_A_NAMESPACE in text else ["--namespace", namespace]
    server_side = ["--server-side"] if len(text) > CLIENT_SIDE_LIMIT else []
    return kubectl.attempt("apply", *STRICTLY, *server_side, *where, "-f", "-", text=text)
