"""`python -m stages.evaluate`: turn losses and weights into the numbers that are reviewed."""

from functools import partial

from stages import results
from stages.architecture import architecture
from stages.data import read_dataset, read_forecast, read_weights, remove_other_models
from stages.evaluate import curves, metrics
from stages.evaluate.baselines import baseline
from stages.evaluate.forecasts import Predicted, best_baseline, forecasts
from stages.evaluate.outcomes import checked_losses, compared_epochs, outcomes
from stages.evaluate.predictions import checked_predictions, predictions
from stages.memory import check_memory
from stages.params import Params, load_params
from stages.streams import stream
from stages.train.training import training_of


def main() -> None:
    """Write reports/details.json, metrics.json and the tables beside them."""
    params = load_params()
    check_memory("models, data and train", memory_needed(params))
    dataset = read_dataset(params.data)
    samples, steps, inputs = dataset.x_train.shape
    architectures = {name: architecture(model, inputs) for name, model in params.models.items()}
    losses = {
        name: checked_losses(name, params.train.replicates, training_of(name, params))
        for name in params.models
    }
    base, solved_r2 = baseline(dataset), params.evaluate.solved_r2
    series, cut = params.data.forecast, read_forecast() if params.data.forecast else None
    if cut:
        _, solved_r2 = best_baseline(cut, base.variance.test)
    came_to = {name: outcomes(losses[name], base, solved_r2) for name in params.models}
    epochs, pairs = compared_epochs(params), params.complete_pairs()
    models, shown, forecast = {}, {}, {}
    for name, of_model in came_to.items():
        rng = partial(stream, params.train.seed, "bootstrap", name)
        models[name] = metrics.model(architectures[name], steps, of_model, epochs, base.variance, rng)
        predicted = checked_predictions(
            name, architectures[name], params.train.engine, dataset, losses[name], base
        )
        replicate = curves.nearest_median(losses[name].test_mse[:, -1])
        shown[name] = replicate, predicted[replicate]
        if cut:
            validation, ahead = (
                predictions(read_weights(name), x, architectures[name], params.train.engine)
                for x in (cut.x_validation, cut.x_next)
            )
            forecast[name] = Predicted(predicted, validation, ahead, replicate)
    compared = metrics.pairs(came_to, pairs, params.evaluate.primary, epochs)
    judged = None
    if series and cut:
        judged = forecasts(dataset, cut, forecast, series.season or 1, base.variance.test)
    results.write(results.Results(base, models, compared, judged))
    results.write_table("losses", curves.losses(losses))
    work = {name: samples * model.multiply_adds for name, model in models.items()}
    results.write_table("progress", curves.progress(came_to, work))
    results.write_table("comparisons", curves.comparisons(came_to, pairs))
    results.write_table("outcomes", curves.outcomes(losses, epochs))
    results.write_table("predictions", curves.predictions(shown, dataset.y_test))
    remove_other_models(params.models)


def memory_needed(params: Params) -> int:
    """Return about how many bytes the losses of all models take, and the file or the predictions of one."""
    data, train = params.data, params.train
    rows = train.replicates * (train.epochs + 1)
    samples = 0 if data.forecast else max(data.num_samples, data.test_samples)  # a series has few
    # Two float32 a row, and two float64 with two flags where the test MSE was measured.
    losses = len(params.models) * (8 * rows + 18 * train.replicates * train.measurements)
    # The columns of a file and their parts; four times the predictions, by replicate and together.
    return losses + 40 * max(rows, train.replicates * samples)


if __name__ == "__main__":
    main()
