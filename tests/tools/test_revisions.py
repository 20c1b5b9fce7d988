from tools.revisions import flat, not_run


def test_nested_keys_become_flat() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_params_that_no_stage_ran_with_are_known_by_the_lock() -> None:
    params = {"train.lr": 0.1, "train.batch_size": None, "models.single.lr": None, "models.wide.lr": 1}
    ran = {"models.single": {"lr": None}, "train": {"lr": 0.1, "batch_size": None}}
    assert not_run(params, ran.items()) == []
    assert not_run(params, [*ran.items(), ("train", {"lr": 0.2, "old": 3})]) == ["train.lr", "train.old"]
    assert not_run(params, [*ran.items(), ("models.gone", {"lr": 1})]) == []
    both = {"single": {"lr": None}, "gone": {"lr": 1}}
    assert not_run(params, [("models", both)]) == ["models.gone.lr", "models.wide.lr"]
