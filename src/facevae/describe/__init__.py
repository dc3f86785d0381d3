"""Words, in English and Chinese, to a request and to faces. No torch until faces are made."""

from facevae.describe.description import Conflict, Description, understand
from facevae.describe.faces import Described, describe_faces, write_described

__all__ = ["Conflict", "Described", "Description", "describe_faces", "understand", "write_described"]
