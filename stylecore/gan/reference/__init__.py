"""The encoder of reference pictures: a style from a picture that the generator never saw."""
