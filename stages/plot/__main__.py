"""`python -m stages.plot`: draw the figures and write the report."""

from functools import partial

import pandas as pd

from stages import results
from stages.files import write_text
from stages.generate.tasks import task
from stages.memory import check_memory
from stages.params import Params, load_params
from stages.plot import forecasts
from stages.plot.figures import FIGURES, Run, save
from stages.plot.report import report, verdict
from stages.results import PAGE, figure_path


def main() -> None:
    """Write reports/figures/*.png and reports/README.md, then say what came out."""
    params, found = load_params(), results.read()
    run = Run(found, params, read_tables(found, params))
    drawn = FIGURES | (forecasts.FIGURES if found.forecasts else {})
    texts = {name: text for name, (text, _) in drawn.items()}
    page = report(found, params, task(params.data.task).note(params.data), texts)
    for name, (_, draw) in drawn.items():
        save(figure_path(name), partial(draw, run))
    write_text(PAGE, page)
    print(verdict(found, params))


def read_tables(found: results.Results, params: Params) -> dict[str, pd.DataFrame]:
    """Return every table of reports/, each with all of its rows."""
    train, groups = params.train, {"model": list(found.models), "pair": list(found.pairs)}
    compared = len(found.epochs(train.epochs))
    rows = {
        "losses": train.epochs + 1,
        "progress": train.measurements,
        "comparisons": train.measurements,
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
