"""What is live, for whoever looks at the run."""

from components.promote_release.summary import markdown
from model.endpoint import Endpoint
from model.release_layout import Release

RELEASE = Release("rpm", version=3, digest="d", uri="gs://b/models/rpm/releases/3")


def test_it_names_the_release_where_it_answers_and_the_way_back() -> None:
    endpoint = Endpoint("http://rpm-predictor", "rpm-predictor:9000", "rpm", version=3)

    told = markdown(RELEASE, state="promoted", endpoint=endpoint, platform="kubernetes")

    assert told.startswith("## rpm version 3 is live\n")
    assert "| REST | `http://rpm-predictor/v1/models/rpm:predict` |" in told
    assert "| gRPC | `rpm-predictor:9000` |" in told
    assert "`savedmodel-release rollback --platform kubernetes --model-name rpm`" in told


def test_a_release_that_was_live_already_is_told_so_and_no_port_that_is_not_there() -> None:
    told = markdown(RELEASE, state="already_live", endpoint=Endpoint("http://r", "", "rpm", 3), platform="local")

    assert "version 3 was live already" in told
    assert "gRPC" not in told
