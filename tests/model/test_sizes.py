import pytest

from model.sizes import format_size


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (8_388_608, "8.4 MB"), (2**41, "2.2 TB")]
)
def test_sizes_are_in_steps_of_a_thousand(size: int, text: str) -> None:
    assert format_size(size) == text
