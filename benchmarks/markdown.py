"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.goals import Goal

Cells = Iterable[Sequence[object]]


def section(
    title: str, header: Sequence[str], rows: Cells, note: str = "", align: str = "--:"
) -> str:
    """Return a title, a note and a table; all columns but the first are aligned to the right."""
    lines = [f"## {title}", ""]
    lines += [note, ""] if note else []
    lines.append(f"| {' | '.join(header)} |")
    lines.append(f"|{'|'.join(['---'] + [align] * (len(header) - 1))}|")
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([*lines, ""])


def goals_table(goals: Sequence[Goal]) -> str:
    """Return a checklist: each goal, what was measured, and whether that meets it."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [[goal.text, goal.figure, words[goal.met]] for goal in goals]
    return section("Goals", ["goal", "measured", "met"], rows, align="---")
