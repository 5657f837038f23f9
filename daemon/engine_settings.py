"""The engine's parameters as they are configured."""

from daemon.config import Config
from engine.settings import Settings


def engine_settings(config: Config) -> Settings:
    """Return the engine's parameters with what the configuration changes of them."""
    return Settings(
        hash_kind=config.engine.hash,
        longest_decoded_s=config.engine.longest_decoded_s,
        candidate_budget=config.engine.candidate_budget,
    )
