"""`python -m stages.plot`: draw the figures and write the report."""

from functools import partial

import pandas as pd

from stages import results
from stages.files import write_text
from stages.generate.tasks import task
from stages.memory import check_memory
from stages.params import Params, load_params
from stages.plot import figures, forecasts
from stages.plot.report import report, verdict
from stages.results import PAGE, figure_path


def main() -> None:
    """Write reports/figures/*.png and reports/README.md, then say what came out."""
    params, found = load_params(), results.read()
    tables = read_tables(found, params)
    of_task = task(params.data.task)
    page = report(found, params, of_task.note(params.data))
    constant = found.baseline.mean
    solved_r2 = found.forecasts.solved_r2 if found.forecasts else params.evaluate.solved_r2
    threshold = (1 - solved_r2) * found.baseline.variance.test
    drawings = {
        "losses": partial(figures.losses, tables["losses"], constant.train, params.train.replicates),
        "improvement": partial(figures.improvement, tables["comparisons"]),
        "solved": partial(figures.solved, tables["progress"], solved_r2),
        "final": partial(figures.final, tables["outcomes"], threshold, constant.test),
        "cost": partial(figures.cost, tables["progress"], constant.test),
        "predictions": partial(forecasts.figure, found.forecasts, params.data.forecast.column)
        if found.forecasts and params.data.forecast
        else partial(figures.predictions, tables["predictions"], of_task.TRUE_LABEL, of_task.PREDICTED_LABEL),
    }
    for name, draw in drawings.items():
        figures.save(figure_path(name), draw)
    write_text(PAGE, page)
    print(verdict(found, params))


def read_tables(found: results.Results, params: Params) -> dict[str, pd.DataFrame]:
    """Return every table of reports/, each with all of its rows."""
    train, groups = params.train, {"model": list(found.models), "pair": list(found.pairs)}
    measured = len(range(0, train.epochs, train.eval_every)) + 1
    compared = len(found.epochs(train.epochs))
    rows = {
        "losses": train.epochs + 1,
        "progress": measured,
        "comparisons": measured,
        "outcomes": train.replicates * compared,
        "predictions": found.forecasts.samples if found.forecasts else params.data.test_samples,
    }
    # A row takes about so many bytes while its table is read.
    check_memory("models, data and train", 160 * len(found.models) * sum(rows.values()))
    return {
        name: results.read_table(name, groups[columns[0]], rows[name])
        for name, columns in results.TABLES.items()
    }


if __name__ == "__main__":
    main()
