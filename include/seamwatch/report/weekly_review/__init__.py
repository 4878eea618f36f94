"""What people read of a week: the page, Markdown, JSON and the digest, all made of the same sections."""
