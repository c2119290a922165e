"""Offer the settings of `[live]` to site back ends under the ancestor's upper-case names: `config.DATA_PATH`."""

from typing import Any

from jobmon import config as _config


def __getattr__(name: str) -> Any:
    """Return the current value of the setting of that name in `[live]`."""
    live = _config.current().live
    if name.isupper() and name.lower() in type(live).model_fields:
        return getattr(live, name.lower())
    raise AttributeError(f"there is no setting {name}; known: {', '.join(__dir__())}")


def __dir__() -> list[str]:
    """Return the names of all settings in `[live]`."""
    return sorted(key.upper() for key in _config.LiveSettings.model_fields)
