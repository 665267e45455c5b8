"""CRC-32C as GCS spells it: big-endian, base64. Hardware computes it at several GB/s."""

import base64
from collections.abc import Iterator
from typing import BinaryIO

CHUNK_BYTES = 4 << 20


class Crc32c:
    """A running checksum."""

    def __init__(self) -> None:
        import google_crc32c

        self._checksum = google_crc32c.Checksum()

    def update(self, data: bytes) -> None:
        self._checksum.update(data)

    def base64(self) -> str:
        return base64.b64encode(self._checksum.digest()).decode("ascii")


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes, 4 MiB at a time."""
    while data := stream.read(CHUNK_BYTES):
        yield data
