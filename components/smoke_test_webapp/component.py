"""The KFP shell of smoke_test_webapp."""

from typing import NamedTuple

from kfp import dsl


def smoke_test_webapp(
    endpoint: str,
    expectations: dsl.Input[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    webapp_url: str = "",
    platform: str = "kubernetes",
    invoke_endpoint: str = "yes",
    timeout_s: int = 300,
) -> NamedTuple("Outputs", [("smoke_report", str)]):  # type: ignore[valid-type]
    """Asks the release through the web application, and compares with the model's own answers.

    Args:
        endpoint: Endpoint JSON from deploy_candidate.
        webapp_url: Address of the web application; empty for the platform's own.
        platform: kubernetes or local.
        invoke_endpoint: yes, or no to check all but the model's answers.
        timeout_s: Seconds that the web application has to be served.
        expectations: Sample rows and the model's own answers, from validate_release.
    """
    from pathlib import Path

    from components.contracts import Expectations
    from components.reporting import reporting
    from components.smoke_test_webapp.step import run_step, webapp_address
    from model.endpoint import Endpoint

    with reporting("smoke_test_webapp"):
        smoke_report = run_step(
            Endpoint.from_json(endpoint),
            expectations=Expectations.from_json(Path(expectations.path).read_bytes()),
            webapp_url=webapp_address(webapp_url, platform=platform),
            invoke_endpoint=invoke_endpoint,
            timeout_s=timeout_s,
            report_path=report.path,
        )
    return (smoke_report.to_json(),)
