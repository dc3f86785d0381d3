"""Public names that are imported when first used, so that `import facevae` costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any


class _LazyPackage(ModuleType):
    """A package whose public names win over submodules: `facevae.train` is the function, always."""

    _public: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._public:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        return getattr(importlib.import_module(self._public[name]), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in self._public):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._public})


def attach(package: str, public: Mapping[str, str]) -> list[str]:
    """Make `package` serve each public name from the module given for it; returns its `__all__`."""
    module = sys.modules[package]
    module._public = dict(public)  # type: ignore[attr-defined]
    module.__class__ = _LazyPackage
    return sorted(public)
