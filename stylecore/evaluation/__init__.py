"""How good a generator is, in figures beside baselines and in sheets for an eye; needs no torch.

`painters` make pictures, `folders` keeps them, `examining` and `summary` measure them, `report`
is the whole way. What none of it knows: whether a picture is beautiful. Look at the sheets.
"""
