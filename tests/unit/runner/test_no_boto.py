"""A worker that keeps no logs in CloudWatch does not pay for it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import nice_runner.__main__ as worker
from nice_runner.settings import read_settings
print(sorted(m for m in sys.modules if m.partition('.')[0] in ('boto3', 'botocore')))
"""


def test_boto3_is_not_imported_by_a_worker_that_has_no_use_for_it() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"
