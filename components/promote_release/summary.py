"""What is live, for whoever looks at the run."""

from components.promote_release.promotion import ALREADY_LIVE
from model.endpoint import Endpoint
from model.release_layout import Release


def markdown(release: Release, *, state: str, endpoint: Endpoint, platform: str) -> str:
    """A few lines of Markdown: the release that is live, where it answers, and how to go back."""
    done = "was live already" if state == ALREADY_LIVE else "is live"
    lines = [
        f"## {release.model_name} version {endpoint.version} {done}",
        "| | |",
        "|---|---|",
        f"| release | `{release.uri}` |",
        f"| REST | `{endpoint.predict_url}` |",
    ]
    if endpoint.grpc_target:
        lines.append(f"| gRPC | `{endpoint.grpc_target}` |")
    back = f"savedmodel-release rollback --platform {platform} --model-name {release.model_name}"
    return "\n".join([*lines, "", f"To serve the release before it, if there was one: `{back}`", ""])
