"""Ways to learn which style a shopper likes, let loose on the same simulated shoppers.

scenario -> learners (log_odds, click_posterior, posterior, rates, style_als, joint_als)
-> trial -> comparison.
"""
