"""The demo's second enterprise: policy documents in git, an index of them, and an assistant that answers from it."""
