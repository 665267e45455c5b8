"""Which KServe this works with."""

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from components.platforms.kubernetes.connection import INFERENCE_SERVICES, TIMEOUT_S, Connection
from model.errors import ServingFailed

#: Modes have other names before, and what names one by a later name can be neither changed nor deleted there.
OLDEST = "0.16"
UPGRADE = f"Upgrade KServe to {OLDEST} or later."
SCHEMA_PATH = f"/openapi/v3/apis/{INFERENCE_SERVICES.group}/{INFERENCE_SERVICES.version}"


def is_too_old(schema: str) -> bool:
    """Whether the InferenceService of this OpenAPI document lacks the field that came with OLDEST. Of a schema that
    names no fields (KServe's minimal one) nothing can be told."""
    return '"storageUri"' in schema and '"storageUris"' not in schema


def refuse_old_kserve(connection: Connection) -> None:
    """
    Raises:
        ServingFailed: KServe is older than OLDEST. Where the schema cannot be read, nothing is raised.
    """
    try:
        schema = connection.api.call_api(
            SCHEMA_PATH, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=TIMEOUT_S
        )[0]
    except (ApiException, HTTPError):
        return
    if is_too_old(schema.data.decode()):
        raise ServingFailed(
            expected=f"KServe {OLDEST} or later",
            found="an older one",
            where=connection.api.configuration.host,
            do=UPGRADE,
        )
