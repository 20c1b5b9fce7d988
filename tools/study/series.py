"""The page of the study `series`: each network's step size, and how far ahead it forecasts how well."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from stages import words
from stages.files import write_text
from stages.plot.figures import DOTS, NEUTRAL, QUIET, WIDTH, colours, save, with_title
from stages.plot.forecasts import section
from stages.plot.report import verdict
from stages.results import Forecasts, write_csv
from stages.words import number
from tools.study.experiments import Experiment, Ran, params_of

HORIZON_KEY = "data.series.horizon"
STEPS = ("model", "lr", "validation_mse", "chosen")
HORIZON = ("horizon", "forecaster", "network", "rmse", "mae", "mase")


def write(ran: Ran, folder: Path) -> str:
    """Write the page, its tables and its figure; return the answer."""
    ahead = by_horizon(ran)
    write_csv(folder / "steps.csv", STEPS, step_rows(ran))
    write_csv(folder / "horizon.csv", HORIZON, horizon_rows(ahead))
    save(folder / "horizon.png", partial(figure, pd.read_csv(folder / "horizon.csv")))
    best = next(run for run in ran.study.runs if run.name == "best")
    answer = verdict(ran.experiments["best"].results, params_of(ran.study, best, ran.params, ran.best))
    write_text(folder / "README.md", report(ran, ahead, answer))
    return answer


def of(experiment: Experiment) -> Forecasts:
    """Return what an experiment says of forecasts."""
    assert experiment.results.forecasts is not None, "every run is of the task forecast"
    return experiment.results.forecasts


def by_horizon(ran: Ran) -> dict[int, Forecasts]:
    """Return the forecasts of the runs with fresh seeds, by how far ahead they are."""
    assert ran.params.data.series is not None
    runs = ran.reported(HORIZON_KEY, ran.params.data.series.horizon)
    return {horizon: of(one) for horizon, one in runs.items()}


def step_rows(ran: Ran) -> Iterator[tuple]:
    """Yield the rows of STEPS."""
    for name, best in ran.best.items():
        for lr, experiment in ran.sweep().items():
            yield name, lr, of(experiment).models[name].validation, int(lr == best)


def horizon_rows(ahead: Mapping[int, Forecasts]) -> Iterator[tuple]:
    """Yield the rows of HORIZON."""
    for horizon, found in ahead.items():
        for name, errors in found.errors().items():
            yield horizon, name, int(name in found.models), errors.rmse, errors.mae, errors.mase


def figure(table: pd.DataFrame) -> Figure:
    """Draw the RMSE against the horizon, networks in colour and baselines in grey; `table` is horizon.csv."""
    drawing = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axes = drawing.subplots()
    groups = table.groupby(["network", "forecaster"], sort=False)
    look = colours([name for (network, name), _ in groups if network])
    markers = iter("s^vD<>")
    for (network, name), rows in groups:
        style = {"color": look[name], "marker": "o", "linewidth": 2} if network else {
            "color": NEUTRAL, "marker": next(markers), "linestyle": DOTS,
        }  # fmt: skip
        axes.plot(rows["horizon"], rows["rmse"], label=name, **style)
    axes.set_xticks(sorted(table["horizon"].unique()))
    axes.set_ylim(bottom=0)
    axes.grid(color=QUIET)
    axes.set_xlabel("rows ahead")
    axes.set_ylabel("RMSE on the test part")
    drawing.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=10)
    return with_title(drawing, "How the error grows with the horizon")


def report(ran: Ran, ahead: Mapping[int, Forecasts], answer: str) -> str:
    """Return the page as Markdown."""
    sweep, best = ran.sweep(), ran.experiments["best"]
    further = [run for run in ran.study.runs if HORIZON_KEY in run.changes]
    flags = " ".join(f"-S data.series.lr.{name}={lr}" for name, lr in ran.best.items())
    return ran.page(
        answer=answer,
        series=ran.params.data.series,
        replicates=best.replicates(),
        further=words.listed([str(run.changes[HORIZON_KEY]) for run in further]),
        fewer=ran.experiments[further[0].name].replicates(),
        steps=words.records(
            {"model": name}
            | {str(lr): number(of(one).models[name].validation) for lr, one in sweep.items()}
            | {"chosen": str(chosen)}
            for name, chosen in ran.best.items()
        ),
        command=f"dvc exp run --temp -S data.task=forecast {flags}",
        section=section(of(best)),
        horizons=words.records(
            {"forecaster": name}
            | {str(horizon): number(found.errors()[name].rmse) for horizon, found in ahead.items()}
            for name in of(best).errors()
            if all(name in found.errors() for found in ahead.values())
        ),
    )
