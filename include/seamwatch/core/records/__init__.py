"""What flowed through a pipeline, and what should have: values, frames, references, answers, outcomes."""
