"""Annotated cases in, question-answering data sets out: ``surgvqa-build``."""
