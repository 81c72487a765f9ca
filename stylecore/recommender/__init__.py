"""From the click stream to lists: state, factors, fold-in, top-k, style policy, explanations."""
