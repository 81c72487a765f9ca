"""Evaluations: figures beside baselines, reports and sheets of pictures; none needs torch.

generator, features, gate (calibration of its bounds), off_policy and prequential are one evaluation
each; the other modules are shared. Figures do not measure beauty: look at the sheets.
"""
