from tools.revisions import flat, not_run


def test_nested_keys_become_flat() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_params_that_no_stage_ran_with_are_known_by_the_lock() -> None:
    params = {"train.lr": 0.1, "train.batch_size": None, "models.single.lr": None, "models.wide.lr": 1}
    ran = [
        ("train@single", "models.single", {"lr": None}),
        ("train@single", "train", {"lr": 0.1, "batch_size": None}),
    ]
    changed = {"lr": 0.2, "old": 3}
    assert not_run(params, ran) == []
    assert not_run(params, [*ran, ("train@wide", "train", changed)]) == ["train.lr", "train.old"]
    # DVC leaves the stage of a model that is gone in the lock.
    gone = [("train@gone", "models.gone", {"lr": 1}), ("train@gone", "train", changed)]
    assert not_run(params, [*ran, *gone]) == []
    both = {"single": {"lr": None}, "gone": {"lr": 1}}
    assert not_run(params, [("evaluate", "models", both)]) == ["models.gone.lr", "models.wide.lr"]
