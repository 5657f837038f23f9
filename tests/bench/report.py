"""A figure of the bench: its table, its goals, its JSON file."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

Cell = str | int | float
_FOLDER = Path("build/bench")
_WIDTH = 120
"""Also where the output is no terminal: columns must not be cut."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a measured value should keep."""

    what: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Tell whether the value keeps its bounds."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What one figure measured."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    goals: list[Goal]
    notes: list[str] = field(default_factory=list)
    """How it was measured, where the columns can't say it."""


def publish(report: Report) -> None:
    """Print the report and write build/bench/NAME.json."""
    console = Console(width=_WIDTH, soft_wrap=True)
    table = Table(*report.columns, title=report.name)
    for row in report.rows:
        table.add_row(*(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row))
    console.print(table)
    for goal in report.goals:
        bounds = [f"at least {goal.at_least:g}"] if goal.at_least is not None else []
        bounds += [f"at most {goal.at_most:g}"] if goal.at_most is not None else []
        console.print(
            f"{'met   ' if goal.is_met else 'MISSED'} {goal.what}: {goal.value:.3g} ({', '.join(bounds)})"
        )
    for note in report.notes:
        console.print(f"- {note}", style="dim", highlight=False)
    as_json = {
        **asdict(report),
        "rows": [dict(zip(report.columns, row, strict=True)) for row in report.rows],
        "goals": [{**asdict(goal), "is_met": goal.is_met} for goal in report.goals],
        "load_average": os.getloadavg(),
    }
    _FOLDER.mkdir(parents=True, exist_ok=True)
    (_FOLDER / f"{report.name}.json").write_text(json.dumps(as_json, indent=2) + "\n")
