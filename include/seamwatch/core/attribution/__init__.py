"""From evidence to verdicts, and from verdicts to the causes of an incident."""
