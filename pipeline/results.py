"""What a run on one machine ends in."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.contracts import Inspection, ScoreReport, SmokeReport
from model.errors import ReleaseError
from model.release_layout import Release

PROMOTED, ALREADY_LIVE, FAILED = "promoted", "already_live", "failed"


@dataclass(frozen=True)
class StepOutputs:
    """What the steps that came to their end have given; None for those that did not. `endpoint`: Endpoint JSON of the
    live service."""

    inspection: Inspection | None = None
    release: Release | None = None
    scores: ScoreReport | None = None
    smoke: SmokeReport | None = None
    state: str = FAILED
    endpoint: str = ""


@dataclass(frozen=True)
class RunResult:
    """The run's verdict. `seconds` is by step, with `total`; addresses are None where nothing answers any more."""

    state: str
    run_id: str
    outputs: StepOutputs
    report: str
    seconds: Mapping[str, float]
    model_name: str = ""
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
                "run_id": self.run_id or None,
                "model_name": self.model_name or None,
                "release": dataclasses.asdict(self.outputs.release) if self.outputs.release else None,
                "failed_step": self.failed_step,
                "error": self.error["message"] if self.error else None,
                "error_details": {key: value for key, value in self.error.items() if key != "message"}
                if self.error
                else None,
                "scores": _figures(scores) if scores else None,
                "predictions_uri": scores.predictions_uri if scores else None,
                "failed_rows_uri": scores.failed_rows_uri if scores else None,
                "report": self.report or None,
                "rest_url": self.rest_url,
                "grpc_target": self.grpc_target,
                "webapp_url": self.webapp_url,
                "seconds": dict(self.seconds),
            }
        )


def _figures(scores: ScoreReport) -> dict[str, Any]:
    return {name: getattr(scores, name) for name in ("rows", "failed_rows", "labelled_rows", "auc", "accuracy")}


def collect(run_directory: Path) -> StepOutputs:
    """Reads what each step left where KFP keeps its outputs: `steps/<pipeline>/<step>/executor_output.json` and,
    beside it, one file for each artifact."""
    found = [path.parent for path in run_directory.glob("steps/*/*/executor_output.json")]
    directories = {path.name.replace("-", "_"): path for path in found}

    def parsed(kind: Any, step: str, name: str) -> Any:
        text = _parameters(directories.get(step)).get(name)
        return kind.from_json(text) if text else None

    scored = run_directory / "score_report.json"  # left also by a batch that was refused
    return StepOutputs(
        inspection=parsed(Inspection, "inspect_signature", "inspection"),
        release=parsed(Release, "stage_release", "release"),
        scores=ScoreReport.from_json(scored.read_bytes()) if scored.exists() else None,
        smoke=parsed(SmokeReport, "smoke_test_webapp", "smoke_report"),
        state=_parameters(directories.get("promote_release")).get("state", FAILED),
        endpoint=_parameters(directories.get("promote_release")).get("endpoint", ""),
    )


def _parameters(step_directory: Path | None) -> Mapping[str, Any]:
    if step_directory is None:
        return {}
    values: Mapping[str, Any] = json.loads((step_directory / "executor_output.json").read_text(encoding="utf-8")).get(
        "parameterValues", {}
    )
    return values


def failed_json(error: ReleaseError | None, *, message: str = "") -> str:
    """The JSON of a run that ended before it had a result of its own: refused at once, or interrupted."""
    details = json.loads(error.to_json()) if error else {"kind": "Interrupted", "message": message}
    return RunResult(FAILED, "", StepOutputs(), report="", seconds={}, error=details).to_json()
