"""reports/study/README.md: the map of who is ahead where, from the tables of the studies of `recall`, and a list."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from stages import words
from stages.files import write_text
from stages.plot.figures import COLOURS, INK, NEUTRAL, WIDTH, save, with_title
from tools.study.depths import OF_GROUP, tally
from tools.study.studies import STUDIES

MAPPED = ("recall", "recall-gru", "recall-lstm")
PLACE = ["cell", "wish", "num_layers"]  # a row of the map
TITLE = "How often, in %, the deeper of two networks of the same size has the lower test MSE"
NOTE = (
    "Ahead is who has the lower test MSE more often, whether or not it solves the task. The comparisons are not "
    "independent: all sequences are drawn with one seed, and both depths compared with the same networks of 1 layer."
)
MARKS = {"better": "▲", "worse": "▼", "inconclusive": ""}


def write(folder: Path) -> None:
    """Write the page and its map, of those studies that have a page in `folder`; of depths, what their counts say."""
    parts = ["# The studies", "`make study STUDY=name` repeats one."]
    if mapped := [folder / name for name in MAPPED if (folder / name / "README.md").exists()]:
        save(folder / "map.png", partial(draw, read(mapped, "improvement")))
        parts += [
            "## To recall a number",
            f"{found_in(mapped, 'delay')} {NOTE}",
            f"![{TITLE}](map.png)",
            "## All",
        ]
    for name, declare in STUDIES.items():
        page, study = folder / name / "README.md", declare()
        if page.exists():
            _, found, *_ = page.read_text(encoding="utf-8").split("\n\n")
            if study.knob:
                found = found_in([folder / name], study.knob.word)
            parts.append(f"- [{name}]({name}/README.md): {study.question} {found}")
    write_text(folder / "README.md", "\n\n".join(parts) + "\n")


def read(folders: Sequence[Path], name: str) -> pd.DataFrame:
    """Return the rows of a table of several studies."""
    return pd.concat(pd.read_csv(folder / f"{name}.csv") for folder in folders)


def found_in(folders: Sequence[Path], knob: str) -> str:
    """Return the answer of studies that vary the same."""
    return answer(read(folders, "improvement"), read(folders, "solved"), knob)


def answer(table: pd.DataFrame, solved: pd.DataFrame, knob: str) -> str:
    """Return where deeper networks are ahead and where behind, after each number of epochs, the last one first.

    Args:
        table: improvement.csv of one or more studies.
        solved: their solved.csv.
        knob: what they vary.
    """
    text = []
    for epoch, now in sorted(table.groupby("epoch"), reverse=True):
        parts = []
        for (depth, against), rows in now.groupby(["num_layers", "against"]):
            ahead, behind = tally(list(rows["verdict"]))
            parts.append(
                f"{depth} layers are ahead of {against} in {ahead} and behind in {behind} of {len(rows)} comparisons"
            )
        text.append(f"After {words.epochs(epoch)}, {words.listed(parts)}.")
    last = table[table["epoch"] == table["epoch"].max()]
    shares = solved.set_index(list(OF_GROUP))["share"]
    places = []
    for (cell, wish, depth), rows in last[last["verdict"] == "better"].groupby(PLACE, sort=False):
        values = []
        for one in rows.itertuples():
            deep, low = (
                words.percent(shares[one.value, one.epoch, cell, wish, layers])
                for layers in (depth, one.against)
            )
            values.append(f"{one.value} ({deep} with {depth} and {low} with {one.against} solve it)")
        places.append(
            f"{cell} of about {wish:,} parameters and {depth} layers at a {knob} of {words.listed(values)}"
        )
    shown = f"In the end deeper networks are ahead {'with ' + '; '.join(places) if places else 'nowhere'}."
    return " ".join([*text, shown])


def draw(table: pd.DataFrame) -> Figure:
    """Draw how often the deeper network has the lower test MSE: a row a network, a column a delay.

    Args:
        table: improvement.csv of one or more studies.
    """
    epochs, values = sorted(table["epoch"].unique()), sorted(table["value"].unique())
    places = list(table[[*PLACE, "against"]].drop_duplicates().itertuples(index=False, name=None))
    colours = LinearSegmentedColormap.from_list("depth", [COLOURS["single"], "#ffffff", COLOURS["stacked"]])
    figure = Figure(figsize=(WIDTH, 0.36 * len(places) + 2.2), layout="constrained")
    panels = figure.subplots(1, len(epochs), sharey=True, squeeze=False)[0]
    for axes, epoch in zip(panels, epochs, strict=True):
        share, strength = np.full((2, len(places), len(values)), np.nan)
        for one in table[table["epoch"] == epoch].itertuples():
            row = places.index((one.cell, one.wish, one.num_layers, one.against))
            column = values.index(one.value)
            decided = one.verdict != "inconclusive"
            share[row, column], strength[row, column] = one.share, 1 if decided else 0.35
            axes.text(
                column,
                row,
                f"{100 * one.share:.0f}{MARKS[one.verdict]}",
                ha="center",
                va="center",
                fontsize=10,
                color=INK if decided else NEUTRAL,
                fontweight="bold" if decided else "normal",
            )
        axes.imshow(share, cmap=colours, alpha=np.nan_to_num(strength), vmin=0, vmax=1, aspect="auto")
        axes.set_title(f"after {words.epochs(epoch)}")
        axes.set_xticks(range(len(values)), values)
        axes.set_yticks(
            range(len(places)),
            [f"{cell}, {wish:,}: {depth} against {against}" for cell, wish, depth, against in places],
        )
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.supxlabel("delay: how many steps back the wanted number stood", fontsize=12)
    note = "▲ ahead, ▼ behind; pale: the interval has 50 % in it. Left: the cell, parameters, layers"
    return with_title(figure, f"{TITLE}\n{note}")
