"""How much a text looks as if it gave orders to a model, and where: readings, rules and a small classifier."""
