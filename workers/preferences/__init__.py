"""The preferences worker: feedback in; state, recommendations and demand out."""
