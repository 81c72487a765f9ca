"""Moving pictures: read frame by frame, drawn steadily, written with the timing that they had."""
