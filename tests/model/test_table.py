import pytest

from model.table import FOOTER_BYTES, MAGIC, DamagedTable, read_table


@pytest.mark.parametrize("data", [b"", b"\0" * 47, b"x" * 200, b"\xff" * 100])
def test_what_does_not_end_as_a_table_is_none(data: bytes) -> None:
    with pytest.raises(DamagedTable, match="do not end as a table"):
        list(read_table(data))


@pytest.mark.parametrize(
    ("handles", "found"),
    [
        (b"\x00\x00\x7f\x7f", "a block of 127 bytes at 127"),
        (b"\xff" * 40, "no number at byte"),
    ],
)
def test_handles_that_lead_nowhere_are_found(handles: bytes, found: str) -> None:
    footer = handles.ljust(FOOTER_BYTES - 8, b"\0") + MAGIC.to_bytes(8, "little")

    with pytest.raises(DamagedTable, match=found):
        list(read_table(footer))
