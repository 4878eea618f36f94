"""Use cases of evaluation: answers are read, judged and their results kept."""
