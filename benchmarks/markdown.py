"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.goals import Goal

Cells = Iterable[Sequence[object]]


def section(
    title: str, header: Sequence[str], rows: Cells, note: str = "", align: str = "--:"
) -> str:
    """Return a title, a note and a table; all columns but the first are aligned to the right."""
    lines = [f"## {title}", "", *([note, ""] if note else [])]
    return "\n".join([*lines, table(header, rows, align)])


def table(header: Sequence[str], rows: Cells, align: str = "--:") -> str:
    """Return a table; all columns but the first are aligned to the right."""
    lines = [f"| {' | '.join(header)} |"]
    lines.append(f"|{'|'.join(['---'] + [align] * (len(header) - 1))}|")
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([*lines, ""])


def fill_in(page: Path, name: str, text: str) -> None:
    """Put a text between the marks ``<!-- results:name -->`` and ``<!-- /results:name -->``.

    Raises
    ------
    ValueError
        If the page does not have these marks once.
    """
    begin, end = f"<!-- results:{name} -->", f"<!-- /results:{name} -->"
    old = page.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(old)) != 1:
        raise ValueError(f"{page} should have the marks {begin} and {end} once")
    new = pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", old)
    page.write_text(new, encoding="utf-8")


def goals_table(goals: Sequence[Goal]) -> str:
    """Return a checklist: each goal, what was measured, and whether that meets it."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [[goal.text, goal.figure, words[goal.met]] for goal in goals]
    return section("Goals", ["goal", "measured", "met"], rows, align="---")
