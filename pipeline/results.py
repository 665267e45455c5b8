"""What a run on one machine ends in."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.contracts import Expectations, Inspection, ScoreReport, SmokeReport
from model.endpoint import Endpoint
from model.release_layout import Release

PROMOTED, ALREADY_LIVE, FAILED = "promoted", "already_live", "failed"


@dataclass(frozen=True)
class StepOutputs:
    """What the steps that came to their end have given; None for those that did not."""

    inspection: Inspection | None = None
    release: Release | None = None
    expectations: Expectations | None = None
    candidate: Endpoint | None = None
    scores: ScoreReport | None = None
    smoke: SmokeReport | None = None
    live: Endpoint | None = None
    state: str = FAILED
    #: step -> the HTML report that it wrote
    reports: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class RunResult:
    """The run's verdict. `seconds` is by step, with `total`; addresses are None where nothing answers any more."""

    state: str
    run_id: str
    outputs: StepOutputs
    report: str
    seconds: Mapping[str, float]
    failed_step: str | None = None
    error: Mapping[str, Any] | None = None
    rest_url: str | None = None
    grpc_target: str | None = None
    webapp_url: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.state != FAILED

    def to_json(self) -> str:
        """One line of JSON, as `run --json` prints it last."""
        scores = self.outputs.scores
        return json.dumps(
            {
                "state": self.state,
                "run_id": self.run_id,
                "release": dataclasses.asdict(self.outputs.release) if self.outputs.release else None,
                "failed_step": self.failed_step,
                "error": self.error["message"] if self.error else None,
                "error_details": self.error,
                "predictions_uri": scores.predictions_uri if scores else None,
                "failed_rows_uri": scores.failed_rows_uri if scores else None,
                "report": self.report,
                "rest_url": self.rest_url,
                "grpc_target": self.grpc_target,
                "webapp_url": self.webapp_url,
                "seconds": {name: round(seconds, 2) for name, seconds in self.seconds.items()},
            }
        )


def collect(steps_directory: Path) -> StepOutputs:
    """Reads what each step left below the directory that KFP kept its outputs in."""
    parameters: dict[str, Any] = {}
    artifacts: dict[str, Path] = {}
    for path in sorted(steps_directory.glob("*/*/executor_output.json")):
        output = json.loads(path.read_text())
        parameters.update(output.get("parameterValues", {}))
        artifacts.update(_artifact_paths(path.parent, output))
        if path.parent.name == "deploy-candidate":
            parameters["candidate"] = parameters.pop("endpoint", None)
    return _decode(parameters, artifacts)


def _artifact_paths(task_directory: Path, output: Mapping[str, Any]) -> dict[str, Path]:
    step = task_directory.name.replace("-", "_")
    files = {
        path.stem: path for path in task_directory.iterdir() if path.is_file() and path.name != "executor_output.json"
    }
    return {f"{step}/{name}": path for name, path in files.items()}


def _decode(parameters: Mapping[str, Any], artifacts: Mapping[str, Path]) -> StepOutputs:
    def parsed(kind: Any, name: str) -> Any:
        return kind.from_json(parameters[name]) if parameters.get(name) else None

    expectations = artifacts.get("validate_release/expectations")
    return StepOutputs(
        inspection=parsed(Inspection, "inspection"),
        release=parsed(Release, "release"),
        expectations=Expectations.from_json(expectations.read_bytes()) if expectations else None,
        candidate=parsed(Endpoint, "candidate"),
        scores=parsed(ScoreReport, "score_report"),
        smoke=parsed(SmokeReport, "smoke_report"),
        live=parsed(Endpoint, "endpoint"),
        state=parameters.get("state", FAILED),
        reports={name.split("/")[0]: path for name, path in artifacts.items() if name.endswith("/report")},
    )
