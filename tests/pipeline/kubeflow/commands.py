"""The command line, called in this process, against a stand-in for Kubeflow Pipelines."""

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import kfp
from click.testing import CliRunner

from pipeline.cli import main

RELEASE = (
    *("--model-name", "rpm", "--export-uri", "gs://b/exports", "--rows-uri", "gs://b/visits.csv"),
    *("--set", "models_root=gs://b/models"),
)
#: What the steps print when one of them refuses.
REFUSED = (
    "INFO components.score_batch: 1000 rows\n"
    "ERROR components.reporting: score_batch failed. ScoringFailed: gs://b/models/rpm/predictions: expected AUC of at "
    "least 0.9; found 0.61. Train again.\n"
    "I0801 10:00:00.000000      18 launcher_v2.go:705] ExecutorOutput: {}\n"
    "F0801 10:00:00.000000      18 main.go:57] failed to execute component: exit status 1\n"
    'time="2026-08-01T10:00:00.000Z" level=info msg="sub-process exited" argo=true error="<nil>"\n'
)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What a program reads: the last line."""
        result: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return result


def run(*arguments: str, endpoint: str = "", environment: Mapping[str, str | None] | None = None) -> Outcome:
    """endpoint: as the environment gives it. environment: None unsets."""
    own = {
        name: None for name in os.environ if name.startswith(("KF_PIPELINES", "KFP_", "SAVEDMODEL_RELEASE", "SSL_CERT"))
    }
    given = {**own, "KF_PIPELINES_ENDPOINT": endpoint or None, **(environment or {})}
    done = CliRunner().invoke(main, list(arguments), env=given)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr)


def submit(standin: Any, *arguments: str, **more: Any) -> Outcome:
    """With a pace that suits the stand-in's."""
    return run("submit", *arguments, "--poll-s", "0.02", endpoint=standin.url, **more)


def schedule(standin: Any, *arguments: str, **more: Any) -> Outcome:
    return run("schedule", *arguments, endpoint=standin.url, **more)


@contextmanager
def kfp_client(url: str) -> Iterator[Any]:
    """kfp's own client, without its warning of old backends, and with no connection left open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = kfp.Client(url)
    yield made
    made._run_api.api_client.rest_client.pool_manager.clear()
