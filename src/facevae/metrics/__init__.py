"""Figures that say how good a model is. Each is a function of tensors, in the field's standard units."""
