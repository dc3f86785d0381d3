"""The studio: a page for people, on Gradio, over the library in this process."""

from __future__ import annotations

from facevae.studio.build import build_studio
from facevae.studio.files import FileLimits
from facevae.studio.mount import end_streams, mount_studio

__all__ = ["FileLimits", "build_studio", "end_streams", "mount_studio"]
