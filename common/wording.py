"""Numbers of things in sentences."""


def number_of(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun, in the singular or the plural as the number asks.

    >>> number_of(1, "clip"), number_of(8, "clip"), number_of(13220, "entry", "entries")
    ('1 clip', '8 clips', '13,220 entries')

    Args:
        number: how many, from 0.
        noun: in the singular.
        plural: where it is not the noun and an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
