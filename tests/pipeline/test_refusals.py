"""A model made to fail at each step: red, explained, and everything as it was."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.runs import Outcome, answers, probability, processes_of, release, serving, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, retail_propensity: Path, visits: Path) -> Path:
    """A home in which a first release is live."""
    home = tmp_path_factory.mktemp("home")
    assert release(retail_propensity, visits, home=home).status == 0
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    with serving(home) as url:
        wait_for(lambda: answers(url), why="the live model to answer")
        yield url


@pytest.fixture
def refuse(home: Path, server: str, visits: Path) -> Callable[..., Outcome]:
    """Runs a release that must be refused, and checks that nothing is left of it."""

    def run(export: Path, *, step: str, rows: Path = visits, more: tuple[str, ...] = (), **keywords: object) -> Outcome:
        outcome = release(export, rows, home=home, more=more, **keywords)  # type: ignore[arg-type]
        assert outcome.status == 1, outcome.log
        assert (outcome.result["state"], outcome.result["failed_step"]) == ("failed", step), outcome.result
        assert "Traceback" not in outcome.log
        assert probability(server) == 0.775
        assert processes_of(home) == []
        assert not list((home / "serving" / "candidates").glob("*"))
        return outcome

    return run


@pytest.fixture(scope="module")
def x_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows for a model with the one input x."""
    path = tmp_path_factory.mktemp("rows") / "x.csv"
    path.write_text("x\n1\n2\n5\n")
    return path


def test_not_a_saved_model(refuse: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no model here")

    assert "readme.txt" in refuse(tmp_path, step="inspect_signature").result["error"]


def test_an_unsafe_operation(refuse: Callable[..., Outcome], writes_file_in_cond: Path) -> None:
    assert "WriteFile" in refuse(writes_file_in_cond, step="inspect_signature").result["error"]


def test_truncated_variables(refuse: Callable[..., Outcome], truncated_variables: Path) -> None:
    assert "variables.data-00000-of-00001" in refuse(truncated_variables, step="inspect_signature").result["error"]


def test_nan_outputs(refuse: Callable[..., Outcome], nan_always: Path) -> None:
    assert "will_buy_on_return_visit_probs" in refuse(nan_always, step="validate_release").result["error"]


def test_a_model_that_kills_its_process(refuse: Callable[..., Outcome], aborts_on_load: Path, x_rows: Path) -> None:
    assert "SIGABRT" in refuse(aborts_on_load, step="validate_release", rows=x_rows).result["error"]


def test_a_signature_that_the_live_callers_cannot_use(
    refuse: Callable[..., Outcome], retail_with_more_inputs: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("bounces,time_on_site,pageviews,country\n0,7363,3,DE\n")

    assert "callers" in refuse(retail_with_more_inputs, step="deploy_candidate", rows=rows).result["error"]


def test_a_server_that_dies_while_loading(refuse: Callable[..., Outcome], aborts_in_warmup: Path) -> None:
    outcome = refuse(aborts_in_warmup, step="deploy_candidate")

    assert "the server ended while loading it" in outcome.result["error"]
    assert "the model aborts when it is warmed up" in outcome.result["error"]


def test_a_tensorflow_model_server_on_path_that_does_not_start(
    refuse: Callable[..., Outcome], tmp_path: Path, retail_retrained: Path
) -> None:
    server = tmp_path / "tensorflow_model_server"
    server.write_text("#!/bin/sh\necho 'terminate called: std::bad_alloc' >&2\nexit 134\n")
    server.chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    outcome = refuse(retail_retrained, step="deploy_candidate", environment=environment)

    assert "std::bad_alloc" in outcome.result["error"]


def test_a_csv_without_the_column(refuse: Callable[..., Outcome], tmp_path: Path, retail_retrained: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("fullVisitorId,bounces,time\n01,0,7363\n")

    assert "time_on_site" in refuse(retail_retrained, step="validate_release", rows=rows).result["error"]


def test_rows_that_fail(refuse: Callable[..., Outcome], tmp_path: Path, retail_retrained: Path) -> None:
    rows = tmp_path / "rows.csv"
    good = "".join(f"{number:04d},0,7363\n" for number in range(40))
    rows.write_text(f"fullVisitorId,bounces,time_on_site\n{good}0041,many,7363\n")

    assert "bounces" in refuse(retail_retrained, step="score_batch", rows=rows).result["error"]


def test_a_metric_below_its_threshold(refuse: Callable[..., Outcome], retail_retrained: Path) -> None:
    gates = ("--set", "label_column=will_buy_on_return_visit", "--set", "min_auc=0.999")

    assert "0.999" in refuse(retail_retrained, step="score_batch", more=gates).result["error"]


def test_a_wrong_answer_in_the_smoke_test(refuse: Callable[..., Outcome], retail_random: Path) -> None:
    assert "will_buy_on_return_visit_probs" in refuse(retail_random, step="smoke_test_webapp").result["error"]
