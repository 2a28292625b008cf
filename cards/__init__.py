"""Cards of data sets and models, and their publication: ``surgvqa-card``."""
