"""Questions of a data set looked at by people: a page to leaf through, and what came of it onto the card."""

__all__ = ["moments", "page", "result"]
