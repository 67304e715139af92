"""What the embeddings of a model are worth as similarities, and what is arbitrary about them."""
