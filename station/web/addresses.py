"""Which addresses a form or a link may send somebody on to."""


def local_address(address: str) -> str:
    """An address of ours, never another site's: an open redirect would lend our name to a forger."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if plain else "/"
