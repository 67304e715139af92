"""Answers for all queries at once: where they come from, how they are answered, and what is written of them."""
