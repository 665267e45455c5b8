"""Reading the sorted string table that a checkpoint's index is kept in: LevelDB's format.

    data block …, metaindex block, index block, footer
    block:   entries (shared key bytes, own key bytes, value bytes as varints; own key; value), restart points, their
             count; then one byte of compression and a masked CRC-32C of the block and that byte
    footer:  handles (offset, size as varints) of metaindex and index block, padded to 40 bytes; magic number

Source: tensorflow/core/lib/io/{format,block,table}.cc.
"""

from collections.abc import Iterator

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5
_COMPRESSIONS = {1: "snappy"}
_MASK_DELTA = 0xA282EAD8


class DamagedTable(ValueError):
    """The bytes are no table, or a damaged one; the text says what was found."""


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of every entry, in the order of keys.

    Raises:
        DamagedTable: the bytes are no table, or a block of it is damaged or compressed.
    """
    if len(data) < FOOTER_BYTES or int.from_bytes(data[-8:], "little") != MAGIC:
        raise DamagedTable(f"{len(data):,} bytes that do not end as a table does; the last are {data[-8:]!r}")
    _, position = _handle(data, len(data) - FOOTER_BYTES)  # the metaindex holds nothing that is wanted here
    index, _ = _handle(data, position)
    for _, value in _entries(_block(data, *index)):
        handle, _ = _handle(value, 0)
        yield from _entries(_block(data, *handle))


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _block(data: bytes, offset: int, size: int) -> bytes:
    import google_crc32c

    end = offset + size
    if end + TRAILER_BYTES > len(data) - FOOTER_BYTES or size < 4:
        raise DamagedTable(f"a block of {size:,} bytes at {offset:,} in a table of {len(data):,} bytes")
    compression = data[end]
    if compression:
        name = _COMPRESSIONS.get(compression, f"number {compression}")
        raise DamagedTable(f"a block compressed by {name} at byte {offset:,}, which is not read here")
    stored = int.from_bytes(data[end + 1 : end + TRAILER_BYTES], "little")
    if stored != _masked(google_crc32c.value(data[offset : end + 1])):
        raise DamagedTable(f"a block at byte {offset:,} whose checksum differs from its content")
    return data[offset:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        size, position = _varint(block, position)
        if shared > len(key) or position + own + size > end:
            raise DamagedTable(f"an entry that reaches over its block's {len(block):,} bytes")
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64 and position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DamagedTable(f"no number at byte {position:,} of {len(data):,}")


def _masked(crc: int) -> int:
    """As LevelDB stores a checksum: rotated, so that a checksum over checksums stays strong."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
