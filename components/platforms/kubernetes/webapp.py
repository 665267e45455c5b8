"""Where the web application is that cluster/ installs."""

import os

from components.platforms.kubernetes.connection import Connection
from model.errors import ServingFailed

WEBAPP_VARIABLE = "SAVEDMODEL_RELEASE_WEBAPP_URL"
WEBAPP_SERVICE = "savedmodel-release-webapp"


def webapp_url(connection: Connection) -> str:
    """SAVEDMODEL_RELEASE_WEBAPP_URL, else the Service that cluster/ installs.

    Raises:
        ServingFailed: there is neither.
    """
    if url := os.environ.get(WEBAPP_VARIABLE):
        return url.rstrip("/")
    service = connection.service(WEBAPP_SERVICE)
    if service is None:
        raise ServingFailed(
            expected=f"a Service {WEBAPP_SERVICE}",
            found="none",
            where=f"namespace {connection.namespace}",
            do="Install the web application, or set the parameter webapp_url.",
        )
    port = service["spec"]["ports"][0]["port"]
    return f"http://{WEBAPP_SERVICE}.{connection.namespace}.svc.cluster.local:{port}"
