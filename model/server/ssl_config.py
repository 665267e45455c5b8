"""TensorFlow Serving's --ssl_config_file: key and certificate of the gRPC port, as text of an SSLConfig."""

from pathlib import Path

import grpc
from google.protobuf import text_format

from model.errors import InvalidValue
from model.protos import config_pb2

FLAG = "--ssl_config_file"


def read_credentials(path: str) -> grpc.ServerCredentials:
    """
    Raises:
        InvalidValue: the file cannot be read, or lacks key or certificate.
    """
    try:
        config = text_format.Parse(Path(path).read_text(encoding="utf-8"), config_pb2.SSLConfig())
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(path, found=str(error)) from error
    except text_format.ParseError:  # its message quotes the file, which holds a key
        raise _invalid(path, found="another text") from None
    if not config.server_key or not config.server_cert or (config.client_verify and not config.custom_ca):
        raise _invalid(path, found="one without key, certificate, or the authority of clients to be verified")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _invalid(path: str, *, found: str) -> InvalidValue:
    return InvalidValue(expected="an SSLConfig in protobuf's text format", found=found, where=f"{FLAG} {path}")
