"""What the embeddings of a model are worth as similarities, what is arbitrary about them, and how data moves."""
