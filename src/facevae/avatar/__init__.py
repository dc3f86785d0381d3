"""Avatars: one person at several ages, with several expressions, in several styles."""

from facevae.avatar.config import AvatarConfig
from facevae.avatar.job import make_avatars

__all__ = ["AvatarConfig", "make_avatars"]
