"""The preferences worker: feedback in; states, recommendations and demand out."""
