"""Flags that several jobs share; a flag name may be defined only once in a process."""

from absl import flags

PREPARED_DIR = flags.DEFINE_string("prepared_dir", None, "Directory of prepared data.")
MODEL_DIR = flags.DEFINE_string("model_dir", None, "Directory of a model: checkpoints, best towers, curves.")
CANDIDATES = flags.DEFINE_string("candidates", None, "Candidate table: the corpus and its features.")
VERSION_DIR = flags.DEFINE_string("version_dir", None, "Folder of an exported version.")
OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Directory for everything the job makes.")
ASK_PER = flags.DEFINE_enum(
    "ask_per",
    "interaction",
    ("interaction", "query"),
    "What is one question about held-out data: an interaction, with all that was visible strictly before it; or a "
    "query, with what it chose in earlier splits, all that it chose in this one being targets.",
)
