"""`python -m stages.evaluate`: turn losses and weights into the numbers that are reviewed."""

from stages import results
from stages.architecture import architecture
from stages.data import read_dataset, remove_other_models
from stages.evaluate import curves, metrics
from stages.evaluate.baselines import baseline
from stages.evaluate.outcomes import checked_losses, compared_epochs, outcomes
from stages.evaluate.predictions import checked_predictions
from stages.params import Params, load_params, split_pair
from stages.streams import stream
from stages.train.training import training_of


def main() -> None:
    """Write reports/details.json, metrics.json and the tables beside them."""
    params = load_params()
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
