"""What a trial SparkApplication tells of the Spark operator."""

import pytest

from pipeline.cluster_check import spark
from pipeline.cluster_check.findings import Finding, State
from tests.pipeline.cluster_check.fake_cluster import (
    APPLICATIONS,
    SPARK,
    WEBHOOKS,
    Cluster,
    Object,
    asked,
    complete,
    failure,
    forbidden,
    spark_webhook,
)


def findings(cluster: Cluster, *, skip: str = "", timeout_s: float = 0.2) -> dict[str, Finding]:
    with asked(cluster) as server:
        return {each.check: each for each in spark.findings(server, skip=skip, timeout_s=timeout_s)}


def test_any_state_shows_that_it_looked_and_nothing_is_left() -> None:
    cluster = complete()

    found = findings(cluster)

    assert found["Spark operator"].state is State.OK
    assert "(FAILED, as it should)" in found["Spark operator"].found
    assert cluster.left == []


def test_the_trial_pulls_and_runs_nothing() -> None:
    spec = spark.spark_application("check-1", "mlops")["spec"]

    assert not spec["mainApplicationFile"].startswith(("local:", "gs:", "http"))
    assert spec["restartPolicy"] == {"type": "Never"}


def test_no_status_means_that_the_namespace_is_not_watched() -> None:
    cluster = complete()
    cluster.on_create = lambda *_: None

    found = findings(cluster)["Spark operator"]

    assert found.state is State.MISSING
    assert "nobody has looked at a trial SparkApplication in mlops" in found.found
    assert "helm upgrade" in found.command
    assert "spark.jobNamespaces={default,mlops}" in found.command
    assert cluster.left == []


def test_an_operator_that_is_not_installed_is_named_with_how_to_install_it() -> None:
    cluster = complete()
    del cluster.objects[SPARK]

    found = findings(cluster)

    assert list(found) == ["Spark's kinds"]
    assert found["Spark's kinds"].state is State.MISSING
    assert found["Spark's kinds"].command.startswith("helm install spark-operator")


def test_its_webhook_that_does_not_answer_is_told() -> None:
    cluster = complete()
    message = 'failed calling webhook "mutate-sparkapplication.sparkoperator.k8s.io": connection refused'
    cluster.answers[APPLICATIONS] = (500, failure(500, message))

    found = findings(cluster)["Spark operator"]

    assert found.state is State.MISSING
    assert "connection refused" in found.found


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_without_the_rights_it_is_unknown(verb: str) -> None:
    cluster = complete()
    cluster.lacking = {(verb, "sparkapplications")}

    assert findings(cluster)["Spark operator"].state is State.UNKNOWN
    assert cluster.created == []


def test_without_probe_it_is_skipped() -> None:
    cluster = complete()

    assert findings(cluster, skip="--no-probe")["Spark operator"].state is State.SKIPPED
    assert cluster.created == []


def test_the_webhook_that_changes_pods_is_found_also_without_probe() -> None:
    for skip in ("", "--no-probe"):
        assert findings(complete(), skip=skip)["Spark's webhook"].state is State.OK


@pytest.mark.parametrize(
    ("configurations", "words"),
    [
        pytest.param([], "the Spark operator has none on pods", id="none"),
        pytest.param([spark_webhook(namespaces=["default"])], "does not see mlops", id="another namespace"),
        pytest.param(
            [spark_webhook(namespaces=["mlops"], resource="sparkapplications")], "has none on pods", id="not on pods"
        ),
        pytest.param(
            [{**spark_webhook(namespaces=["mlops"]), "webhooks": None, "metadata": {"name": "spark"}}],
            "none",
            id="empty",
        ),
    ],
)
def test_without_a_webhook_that_sees_the_namespace_there_is_a_warning(configurations: list[Object], words: str) -> None:
    cluster = complete()
    cluster.objects[WEBHOOKS] = {"items": configurations}

    found = findings(cluster)["Spark's webhook"]

    assert found.state is State.WARNING
    assert not found.stands_in_the_way
    assert words in found.found
    assert "webhook.enable=true" in found.command


def test_a_webhook_that_may_not_be_looked_for_was_not_checked() -> None:
    cluster = complete()
    cluster.answers[WEBHOOKS] = forbidden("list", "mutatingwebhookconfigurations")

    found = findings(cluster)["Spark's webhook"]

    assert found.state is State.SKIPPED
    assert found.found == "it was not checked: whoever asks may not list mutatingwebhookconfigurations"
