"""Numbers of bytes as people read them."""


def format_size(size: int) -> str:
    """`512 B`, `1.2 kB`, `3.4 GB`, in steps of 1000 bytes."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
