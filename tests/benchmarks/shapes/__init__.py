"""Shapes of answers, kinds of values and mistakes in what people write: is each read right, or said?"""
