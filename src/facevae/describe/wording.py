"""A request read back: neutrally, and as sentences in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facevae.controls import Request, Wanted

_CHINESE = {
    "female": "女性", "male": "男性", "neutral": "中性", "happy": "高兴", "sad": "悲伤", "angry": "生气",
    "surprised": "惊讶", "disgusted": "厌恶", "fearful": "害怕",
}  # fmt: skip


def say_asked(name: str, value: Wanted) -> str:
    """'age 65..85', 'gender male', 'smile 0.7': as the command's options take them."""
    return f"{name} {say_value(value)}"


def say_value(value: Wanted) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:g}..{value[1]:g}"
    return f"{value:g}" if isinstance(value, float | int) else str(value)


def say_summary(
    language: str,
    request: Request,
    not_understood: Sequence[str],
    conflicts: Sequence[tuple[str, str]],
    hints: Mapping[str, str],
    lacking: Sequence[str],
    without_control: Sequence[str] = (),
) -> str:
    """Lines: understood, lacking in the model, without control, not understood, contradictions, typos.

    without_control: those of `not_understood` that are known, and said as such.
    """
    say = _say_chinese if language == "zh" else _say_english
    unknown = [phrase for phrase in not_understood if phrase not in without_control]
    return "\n".join(say(request, unknown, without_control, conflicts, hints, lacking))


def _say_english(
    request: Request,
    unknown: Sequence[str],
    without_control: Sequence[str],
    conflicts: Sequence[tuple[str, str]],
    hints: Mapping[str, str],
    lacking: Sequence[str],
) -> list[str]:
    asked = [_english_part(name, value) for name, value in request.items()]
    lines = [f"Understood: {', '.join(asked) or 'nothing that a control stands for'}."]
    if lacking:
        lines.append(f"This model has no control for: {', '.join(lacking)}.")
    if without_control:
        lines.append(f"No control for {_quoted(without_control)} yet: that is left to chance.")
    if unknown:
        lines.append(f"Not understood: {_quoted(unknown)}.")
    lines += [f"Contradiction: took '{taken}', dropped '{dropped}'." for taken, dropped in conflicts]
    lines += [f"Did you mean '{known}' by '{word}'?" for word, known in hints.items()]
    return lines


def _english_part(name: str, value: Wanted) -> str:
    if name == "age" and isinstance(value, tuple):
        return f"age {value[0]:g} to {value[1]:g}"
    if name in ("gender", "expression"):
        return f"{value} expression" if name == "expression" else str(value)
    return f"{name} {value:g} of 1" if name == "smile" else say_asked(name, value)


def _say_chinese(
    request: Request,
    unknown: Sequence[str],
    without_control: Sequence[str],
    conflicts: Sequence[tuple[str, str]],
    hints: Mapping[str, str],
    lacking: Sequence[str],
) -> list[str]:
    asked = [_chinese_part(name, value) for name, value in request.items()]
    lines = [f"听懂了：{'，'.join(asked) or '没有可以控制的内容'}。"]
    if lacking:
        lines.append(f"这个模型没有对应的控制：{'、'.join(lacking)}。")
    if without_control:
        lines.append(f"暂时无法控制{_quoted_chinese(without_control)}，随机生成。")
    if unknown:
        lines.append(f"没听懂：{_quoted_chinese(unknown)}。")
    lines += [f"互相矛盾：采用“{taken}”，忽略“{dropped}”。" for taken, dropped in conflicts]
    lines += [f"“{word}”是不是想说“{known}”？" for word, known in hints.items()]
    return lines


def _chinese_part(name: str, value: Wanted) -> str:
    if name == "age":
        years = f"{value[0]:g} 到 {value[1]:g}" if isinstance(value, tuple) else say_value(value)
        return f"年龄 {years} 岁"
    if name == "smile":
        return f"笑容 {say_value(value)}（0 到 1）"
    word = _CHINESE.get(str(value), str(value))
    return f"表情{word}" if name == "expression" else word


def _quoted_chinese(phrases: Sequence[str]) -> str:
    return "、".join(f"“{phrase}”" for phrase in phrases)


def _quoted(phrases: Sequence[str]) -> str:
    return ", ".join(f"'{phrase}'" for phrase in phrases)
