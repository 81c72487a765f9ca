"""Photos into renders: the generator's manifest and engine, drawing, post-processing, the gate."""
