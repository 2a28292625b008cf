"""Operations that several public data sets show: the table, and the name of an operation in all of them."""

__all__ = ["operations"]
