"""Small incidents that go past the rules of evidence: what cannot be seen, asked or compared must not decide."""
