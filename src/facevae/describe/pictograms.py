"""Emoji and emoticons, and what each means in a description."""

from __future__ import annotations

from facevae.describe import senses as s
from facevae.describe.senses import ALIEN, FILLER, Sense, claim, man, somebody, woman

_EMOJI: list[tuple[Sense, str]] = [
    (claim(smile=s.SMILE), "🙂 😊 ☺ 😇 🥰 😍 🤗 😌"),
    (claim("happy", s.STRONG), "😀 😃 😄 😁 😆 😂 🤣 😸 😹 🥳 🤩"),
    (claim(smile=s.SMILE), "😺 😻"),
    (claim(smile=0.3), "😏 🙃 😼"),
    (claim("neutral"), "😐 😑 😶 🗿"),
    (claim("sad"), "😢 😭 😞 😔 🙁 ☹ 😟 😥 😿 🥺 😩 😫"),
    (claim("angry"), "😠 😡 🤬 👿 😤 😾"),
    (claim("surprised"), "😮 😯 😲 🤯 😳 🙀"),
    (claim("fearful"), "😨 😰 😱 😧 😦"),
    (claim("disgusted"), "🤢 🤮"),
    (somebody(s.BABY), "👶 🍼"),
    (somebody(s.CHILD), "🧒"),
    (man(s.BOY), "👦"),
    (woman(s.GIRL), "👧 👸"),
    (man(s.GROWN), "👨 🧔 🤴 👲 🤵"),
    (woman(s.GROWN), "👩 👰"),
    (man(s.OLD), "👴"),
    (woman(s.OLD), "👵"),
    (somebody(s.OLD), "🧓"),
    (claim(gender="female"), "♀ 🚺"),
    (claim(gender="male"), "♂ 🚹"),
    (ALIEN, "👓 🕶 🎩 🧢 👒 💄 🎂 🐱 🐶 💇 💍 👑"),
    (FILLER, "📷 📸 🖼 🙏 🧑 👤 🏻 🏼 🏽 🏾 🏿"),
]  # fmt: skip
_EMOTICONS: list[tuple[Sense, str]] = [
    (claim(smile=s.SMILE), ": - ), : ), ; ), ; - ), ( :, ^ ^"),
    (claim("happy", s.STRONG), ": d, : - d"),
    (claim("sad"), ": (, : - (, : ' ("),
    (claim("neutral"), ": |, : - |"),
]

PICTOGRAMS: dict[tuple[str, ...], Sense] = {
    (sign,): sense for sense, signs in _EMOJI for sign in signs.split() if len(sign) == 1
} | {tuple(signs.split()): sense for sense, row in _EMOTICONS for signs in row.split(", ")}
