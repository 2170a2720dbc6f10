"""The template engine: everything escaped, hidden characters shown, words and units for people."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nice_operator.domain.isolation import weakness
from nice_operator.domain.timeout import format_duration
from nice_operator.web.masking import masked_start
from nice_operator.web.options import WebOptions
from nice_operator.web.schedules import in_words
from nice_operator.web.text import one_line, visible
from nice_operator.web.ui import assets, show


def make_environment(options: WebOptions) -> Environment:
    """Templates of this package. A name that a template is not given is an error, never an empty string."""
    environment = Environment(
        loader=PackageLoader("nice_operator.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    environment.filters |= {
        "bytes": show.memory,
        "clock": show.clock,
        "duration": show.duration,
        "in_words": in_words,
        "iso": show.iso,
        "masked_start": masked_start,
        "long_duration": format_duration,
        "one_line": one_line,
        "pretty": show.pretty_json,
        "state_words": show.state_words,
        "typed": _typed,
        "zoned": show.zoned,
    }
    environment.globals |= {
        "base": options.base_path,
        "static": f"{options.base_path}/static/{assets.VERSION}",
        "view_only": options.view_only,
        "weakness": weakness,
        "synced": options.sync,
    }
    return environment


def _shown(value: Any) -> Any:
    """Applied to every value that a template prints: nothing of a stranger's can hide or turn text around."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _typed(text: str) -> Markup:
    """What somebody typed, given back to be edited: escaped, but otherwise as it was."""
    return Markup.escape(text)
