"""`python -m stages.evaluate`: turn losses and weights into the numbers that are reviewed."""

from stages.errors import InputError, run
from stages.evaluate.metrics import constant_mse, model_metrics, nearest_median, quantile
from stages.files import (
    LOSSES,
    METRICS,
    REPORTS,
    Losses,
    read_dataset,
    read_losses,
    read_weights,
    remove_other_models,
    write_csv,
    write_json,
)
from stages.params import Params, load_params
from stages.train.reference import predict


def main() -> None:
    """Write reports/metrics.json, reports/losses.csv and reports/predictions.csv."""
    params = load_params()
    dataset = read_dataset()
    losses = {name: checked(name, read_losses(name), params) for name in params.models}
    weights = {name: read_weights(name) for name in params.models}

    train_constant, test_constant = constant_mse(dataset)
    metrics: dict[str, object] = {
        "baseline": {"mean": {"train_mse": train_constant, "test_mse": test_constant}}
    }
    curves: list[tuple] = []
    predictions: list[tuple] = []
    for name, model in params.models.items():
        train_mse, test_mse = losses[name].train_mse, losses[name].test_mse
        metrics[name] = model_metrics(
            train_mse[:, -1],
            test_mse[:, -1],
            dataset,
            parameters=sum(array[0].size for array in weights[name].values()),
            solved_r2=params.evaluate.solved_r2,
        )
        quartiles = (quantile(train_mse, q) for q in (0.5, 0.25, 0.75))
        curves += [(name, epoch, *values) for epoch, values in enumerate(zip(*quartiles, strict=True))]

        replicate = nearest_median(test_mse[:, -1])
        chosen = {key: array[replicate] for key, array in weights[name].items()}
        predicted = predict(chosen, dataset.x_test, model.nonlinearity)
        predictions += [
            (name, replicate, *values) for values in zip(dataset.y_test[:, 0], predicted[:, 0], strict=True)
        ]

    write_json(METRICS, metrics)
    write_csv(REPORTS / "losses.csv", ("model", "epoch", "median", "q25", "q75"), curves)
    write_csv(REPORTS / "predictions.csv", ("model", "replicate", "y_true", "y_predicted"), predictions)
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
