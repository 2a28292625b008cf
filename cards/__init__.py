"""What a data set or a model says about itself, and how it is published: ``surgvqa-card``."""
