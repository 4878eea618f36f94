"""How accurate the answers are when people label a few of them, and how far a judge or a reviewer can be trusted.

`pooling.estimate_weeks` is the entry: labels and weekly counts in, one honest interval a week out.
"""
