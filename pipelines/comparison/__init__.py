"""Systems side by side: what they are, how they are fitted and tuned, what they answer and what that is worth."""
