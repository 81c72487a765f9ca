"""`stylecast demo`: the whole product on one machine, from photos to recommendations."""
