"""`python -m stages.evaluate`: turn losses and weights into the numbers that are reviewed."""

from stages.errors import InputError, run
from stages.evaluate import curves
from stages.evaluate.baselines import constant_mse
from stages.evaluate.metrics import all_metrics, multiply_adds, pairs
from stages.evaluate.outcomes import comparison_epochs, outcomes
from stages.evaluate.predictions import (
    check_against_losses,
    check_against_torch,
    check_shapes,
    of_median_replicate,
    predictions,
)
from stages.files import (
    LOSSES,
    METRICS,
    Losses,
    read_dataset,
    read_losses,
    read_weights,
    remove_other_models,
    write_json,
    write_table,
)
from stages.params import Params, load_params
from stages.streams import stream

STEP_COST = (
    3  # a training step in forward passes: one forward, two for the gradients by inputs and by weights
)


def main() -> None:
    """Write reports/metrics.json and the tables beside it."""
    params = load_params()
    dataset = read_dataset()
    losses = {name: checked(name, read_losses(name), params) for name in params.models}
    weights = {name: read_weights(name) for name in params.models}
    for name in params.models:
        check_shapes(name, weights[name], params, input_size=dataset.x_train.shape[2])
    constant = constant_mse(dataset)
    results = {
        name: outcomes(losses[name], dataset, constant, params.evaluate.solved_r2) for name in params.models
    }
    earlier = comparison_epochs(params.evaluate.at_epochs, params.train.eval_every, params.train.epochs)
    loss_rows: list[tuple] = []
    progress_rows: list[tuple] = []
    outcome_rows: list[tuple] = []
    prediction_rows: list[tuple] = []
    for name, model in params.models.items():
        last = results[name].at(params.train.epochs)
        predicted = predictions(weights[name], dataset.x_test, model.nonlinearity, params.train.engine)
        check_against_torch(name, predicted, weights[name], dataset.x_test, model.nonlinearity, last.diverged)
        check_against_losses(name, predicted, dataset.y_test, losses[name].test_mse[:, -1], last.diverged)
        an_epoch = STEP_COST * multiply_adds(weights[name], dataset.x_train.shape[1]) * len(dataset.x_train)
        loss_rows += curves.losses(name, losses[name].train_mse)
        progress_rows += curves.progress(name, results[name], an_epoch)
        outcome_rows += curves.outcomes(name, losses[name], [*earlier, params.train.epochs])
        prediction_rows += of_median_replicate(name, predicted, dataset.y_test, last.test)
    comparison_rows = [
        row for pair, (a, b) in pairs(params, results).items() for row in curves.comparisons(pair, a, b)
    ]

    for pair in params.evaluate.compare:
        if pair not in pairs(params, results):
            print(f"evaluate.compare: {pair} skipped: not both are in models of params.yaml")
    metrics = all_metrics(
        params, dataset, results, weights, rng=lambda name: stream(params.train.seed, "bootstrap", name)
    )
    write_json(METRICS, metrics)
    write_table("losses.csv", loss_rows)
    write_table("progress.csv", progress_rows)
    write_table("comparisons.csv", comparison_rows)
    write_table("outcomes.csv", outcome_rows)
    write_table("predictions.csv", prediction_rows)
    remove_other_models(params.models)


def checked(name: str, losses: Losses, params: Params) -> Losses:
    """Return `losses`.

    Raises:
        InputError: they are of another number of replicates or epochs than params.yaml says.

    """
    found, allowed = losses.train_mse.shape, (params.train.replicates, params.train.epochs + 1)
    if found != allowed:
        raise InputError(
            f"{LOSSES / name}.csv: found {found[0]} replicates x {found[1]} rows, "
            f"allowed: {allowed[0]} x {allowed[1]} as params.yaml says; `dvc repro train@{name}` makes it"
        )
    return losses


if __name__ == "__main__":
    run(main)
