"""The one place where HTTP to Kubeflow Pipelines happens.

kfp_server_api waits for ever, follows redirects to login pages, and takes a page of HTML for an empty answer.
"""

from typing import Any

import urllib3
from kfp_server_api import ApiException
from kfp_server_api.rest import RESTClientObject

from pipeline.kubeflow import refusals

CONNECT_TIMEOUT_S = 10
#: An upload of the pipeline is the longest call.
READ_TIMEOUT_S = 60


class Transport(RESTClientObject):  # type: ignore[misc]
    """kfp_server_api's own client, with deadlines and errors that say what to do.

    Reading is tried again after a passing fault, and connecting always; what changes something is sent once.
    """

    def __init__(self, configuration: Any) -> None:
        configuration.retries = urllib3.Retry(
            total=3,
            connect=2,
            other=0,  # a certificate will not be better the next time
            redirect=0,
            backoff_factor=0.2,
            status_forcelist=(502, 503, 504),
            allowed_methods=("GET",),
            raise_on_redirect=False,
            raise_on_status=False,
        )
        super().__init__(configuration)

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """As the base class's.

        Raises:
            BackendError
        """
        deadlines = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        try:
            answer = super().request(method, url, **{**kwargs, "_request_timeout": deadlines})
        except ApiException as error:
            body = error.body.decode("utf-8", "replace") if error.body else ""
            raise refusals.refused(error.status, body, dict(error.headers or {}), url=url) from error
        except urllib3.exceptions.HTTPError as error:
            raise refusals.unreachable(error, url=url) from error
        headers = getattr(answer, "urllib3_response", answer).headers
        if headers.get("Content-Type", "").startswith("text/html"):
            raise refusals.page(answer.data.decode("utf-8", "replace"), url=url)
        return answer

    def close(self) -> None:
        self.pool_manager.clear()
