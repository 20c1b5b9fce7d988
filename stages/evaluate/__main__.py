"""`python -m stages.evaluate`: turn losses and weights into the numbers that are reviewed."""

from stages import results
from stages.architecture import architecture
from stages.data import read_dataset, remove_other_models
from stages.evaluate import curves, metrics
from stages.evaluate.baselines import baseline
from stages.evaluate.outcomes import checked_losses, compared_epochs, outcomes
from stages.evaluate.predictions import checked_predictions
from stages.memory import check_memory
from stages.params import Params, load_params, split_pair
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
        name: checked_losses(name, params.train.replicates, training_of(model, params.train))
        for name, model in params.models.items()
    }
    base = baseline(dataset)
    came_to = {name: outcomes(losses[name], base, params.evaluate.solved_r2) for name in params.models}
    shown = {}
    for name, of_model in came_to.items():
        predicted = checked_predictions(
            name, architectures[name], params.train.engine, dataset, losses[name], base
        )
        replicate = curves.nearest_median(of_model.test[:, -1])
        shown[name] = replicate, predicted[replicate]
    epochs, pairs = compared_epochs(params), complete_pairs(params)
    models = metrics.models(
        architectures,
        steps,
        came_to,
        epochs,
        base.variance,
        rng=lambda name: stream(params.train.seed, "bootstrap", name),
    )
    compared = metrics.pairs(came_to, pairs, params.evaluate.primary, epochs)

    results.write(results.Results(base, models, compared))
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
    rows, measured = (
        train.replicates * (train.epochs + 1),
        train.replicates * (train.epochs // train.eval_every + 2),
    )
    # Two float32 a row, and two float64 with two flags where the test MSE was measured.
    losses = len(params.models) * (8 * rows + 18 * measured)
    # The columns of a file and their parts; four times the predictions, by replicate and together.
    return losses + max(40 * rows, 40 * train.replicates * max(data.num_samples, data.test_samples))


def complete_pairs(params: Params) -> list[str]:
    """Return the pairs of `evaluate.compare` whose models are both there, and name the others."""
    pairs = []
    for pair in params.evaluate.compare:
        if set(split_pair(pair)) <= params.models.keys():
            pairs.append(pair)
        else:
            print(f"evaluate.compare: {pair} skipped: not both are in models of params.yaml")
    return pairs


if __name__ == "__main__":
    main()
