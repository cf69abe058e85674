"""The steps that an operator can have done on the way of an import."""
