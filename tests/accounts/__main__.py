"""Does a database of the product add up? ``python -m tests.accounts URL``; exit code 1 with the rows that do
not.

For MySQL, MariaDB (mysql+pymysql://user:password@host:port/name) and SQLite (sqlite:///path), while servers
work on it or after. With ``--at-rest`` nothing may be under way any more.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from tests.accounts import ends, planned, slots
from tests.accounts.books import SECOND, Books, read
from tests.accounts.findings import Account


def judge(
    books: Books, *, since: int = 0, until: int | None = None, late: int = 10, at_rest: bool = False
) -> Account:
    """The account of ``books``; planned moments from ``since`` to ``until`` (seconds since 1970; now)."""
    account = Account()
    account.counts["tasks"] = len(books.tasks)
    now = books.now // SECOND
    window = planned.Window(since, now if until is None else min(now, until), late)
    for task in books.tasks:
        planned.judge(account, task, window)
    ends.judge(account, books, at_rest=at_rest)
    slots.judge(account, books)
    return account


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.accounts", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--since", type=_second, default=0, help="judge planned moments from here (ISO 8601)")
    parser.add_argument("--until", type=_second, help="and before this (default: now)")
    parser.add_argument("--late", type=int, default=10, help="how many seconds a fire may be overdue")
    parser.add_argument("--at-rest", action="store_true", help="every run must have ended")
    parser.add_argument("--rows", type=int, default=20, help="at most so many of each kind (default: 20)")
    return parser


def _second(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone; write 2026-01-31T12:00:00Z")
    return int(moment.timestamp())


def main() -> int:
    """0 when everything adds up, else 1."""
    given = _arguments().parse_args()
    account = judge(
        read(given.url), since=given.since, until=given.until, late=given.late, at_rest=given.at_rest
    )
    for line in account.lines(given.rows):
        print(line)
    print("✗ it does not add up" if account.findings else "✓ everything adds up")
    return 1 if account.findings else 0


if __name__ == "__main__":
    sys.exit(main())
