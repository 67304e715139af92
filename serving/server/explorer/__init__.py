"""The explorer: a page on the REST port that asks the models and shows their answers with titles."""
