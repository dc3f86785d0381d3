"""What people write, and what must be understood. Written before the parser that it judges.

A row: the text, the request (a pair is a range), what must be reported as not understood, and the
contradictions as (reading taken, reading dropped).
"""

from __future__ import annotations

from typing import NamedTuple

from facevae.attributes import Value


class Phrase(NamedTuple):
    text: str
    request: dict[str, Value | tuple[float, float]]
    missing: tuple[str, ...] = ()
    conflicts: tuple[tuple[str, str], ...] = ()


F, M = {"gender": "female"}, {"gender": "male"}
NEUTRAL, HAPPY, SAD = {"expression": "neutral"}, {"expression": "happy"}, {"expression": "sad"}
ANGRY, SURPRISED = {"expression": "angry"}, {"expression": "surprised"}
DISGUSTED, FEARFUL = {"expression": "disgusted"}, {"expression": "fearful"}
SMILE, NO_SMILE, SLIGHT, BROAD = {"smile": 0.7}, {"smile": 0.0}, {"smile": 0.4}, {"smile": 0.95}
GENTLE = {"smile": 0.6}  # 微笑: a smile, but the word itself is quieter than 笑
LAUGHING = HAPPY | BROAD


def age(low: float, high: float | None = None) -> dict[str, Value | tuple[float, float]]:
    return {"age": low if high is None else (low, high)}


def smile(level: float) -> dict[str, Value | tuple[float, float]]:
    return {"smile": level}


BABY, CHILD, BOY_OR_GIRL, TEEN, YOUNG = age(0, 2), age(3, 12), age(3, 14), age(13, 19), age(18, 30)
MIDDLE, OLD, GRAND, NOT_OLD, NOT_YOUNG = age(40, 60), age(65, 85), age(60, 85), age(18, 60), age(40, 85)

ENGLISH = [
    # who
    Phrase("a man", M),
    Phrase("Photo of a woman.", F),
    Phrase("portrait of a person", {}),
    Phrase("a smiling old man", M | OLD | SMILE),
    Phrase("an elderly lady", F | OLD),
    Phrase("a young woman", F | YOUNG),
    Phrase("middle-aged guy", M | MIDDLE),
    Phrase("a baby", BABY),
    Phrase("a toddler crying", age(1, 3) | SAD),
    Phrase("a surprised child", CHILD | SURPRISED),
    Phrase("little girl", F | BOY_OR_GIRL),
    Phrase("a young boy", M | BOY_OR_GIRL),
    Phrase("a teenage girl, happy", F | TEEN | HAPPY),
    Phrase("grandmother", F | GRAND),
    Phrase("someone's grandpa laughing", M | GRAND | LAUGHING),
    Phrase("my mother", F),
    Phrase("a gentleman in his sixties", M | age(60, 69)),
    Phrase("OLD MAN", M | OLD),
    Phrase("a very old woman", F | age(75, 95)),
    Phrase("an older man", M | age(55, 75)),
    Phrase("a young adult", YOUNG),
    Phrase("baby boy", M | BABY),
    # numbers
    Phrase("a boy about seven, surprised", M | age(6, 8) | SURPRISED),
    Phrase("a 25-year-old woman", F | age(25)),
    Phrase("a twenty-five year old woman", F | age(25)),
    Phrase("man, 60", M | age(60)),
    Phrase("a man of sixty", M | age(60)),
    Phrase("woman aged forty two", F | age(42)),
    Phrase("age: 33, male", M | age(33)),
    Phrase("a woman who is 71 years old", F | age(71)),
    Phrase("60yo man", M | age(60)),
    Phrase("a six-month-old baby", age(0.5)),
    Phrase("a hundred years old woman", F | age(100)),
    Phrase("around 40", age(37, 43)),
    Phrase("roughly thirty years of age", age(28, 32)),
    Phrase("a thirtyish woman", F | age(28, 32)),
    Phrase("a woman of 50 or so", F | age(47, 53)),
    Phrase("almost sixty", age(57, 60)),
    Phrase("a man just over 30", M | age(30, 33)),
    # ranges
    Phrase("between 20 and 30", age(20, 30)),
    Phrase("a man between twenty and thirty", M | age(20, 30)),
    Phrase("20-30 years old", age(20, 30)),
    Phrase("20 – 30 year old male", M | age(20, 30)),
    Phrase("women from 35 to 45", F | age(35, 45)),
    Phrase("a kid of 7 or 8", age(7, 8)),
    Phrase("a woman under 30", F | age(18, 30)),
    Phrase("a man over 60", M | age(60, 85)),
    Phrase("at least forty", age(40, 85)),
    Phrase("a boy younger than 10", M | age(3, 10)),
    # decades
    Phrase("in her twenties", F | age(20, 29)),
    Phrase("a man in his mid-thirties", M | age(34, 36)),
    Phrase("late forties", age(47, 49)),
    Phrase("a woman in her early 50s", F | age(50, 53)),
    Phrase("thirty-something man", M | age(30, 39)),
    Phrase("late teens", age(17, 19)),
    Phrase("in his twenties or thirties", M | age(20, 39)),
    Phrase("mid-twenties to early thirties", age(24, 33)),
    # expressions
    Phrase("a sad woman", F | SAD),
    Phrase("an angry old man", M | OLD | ANGRY),
    Phrase("frowning man", M | ANGRY),
    Phrase("a serious man", M | NEUTRAL),
    Phrase("woman with a neutral expression", F | NEUTRAL),
    Phrase("looks disgusted", DISGUSTED),
    Phrase("a terrified teenager", TEEN | FEARFUL),
    Phrase("shocked face", SURPRISED),
    Phrase("man laughing", M | LAUGHING),
    Phrase("a cheerful grandma", F | GRAND | HAPPY),
    # smiles
    Phrase("slightly smiling", SLIGHT),
    Phrase("a woman with a slight smile", F | SLIGHT),
    Phrase("with a hint of a smile", SLIGHT),
    Phrase("a very broad smile", BROAD),
    Phrase("smiling broadly", BROAD),
    Phrase("a man with a big smile", M | BROAD),
    Phrase("a girl grinning", F | BOY_OR_GIRL | {"smile": 0.85}),
    Phrase("smile 0.3", {"smile": 0.3}),
    Phrase("very happy woman", F | HAPPY | BROAD),
    # negation
    Phrase("not smiling", NO_SMILE),
    Phrase("a man without a smile", M | NO_SMILE),
    Phrase("a woman who isn't happy", F | NO_SMILE),
    Phrase("a man who isn’t smiling", M | NO_SMILE),
    Phrase("no smile", NO_SMILE),
    Phrase("an unsmiling woman", F | NO_SMILE),
    Phrase("a man, not old", M | NOT_OLD),
    Phrase("neither young nor old", MIDDLE),
    Phrase("not smiling, but not sad", NO_SMILE, ("not sad",)),
    Phrase("not very old", NOT_OLD),
    Phrase("no longer young", NOT_YOUNG),
    Phrase("not happy or smiling", NO_SMILE),
    # what has no control
    Phrase("an old man with glasses", M | OLD, ("with glasses",)),
    Phrase("a woman with blond hair and a smile", F | SMILE, ("with blond hair",)),
    Phrase("a bearded man", M, ("bearded",)),
    Phrase("a man wearing a hat", M, ("wearing a hat",)),
    Phrase("a woman without glasses", F, ("without glasses",)),
    Phrase("asian woman, 30", F | age(30), ("asian",)),
    Phrase("a pretty woman", F, ("pretty",)),
    Phrase("a pirate", {}, ("pirate",)),
    Phrase("two men", M, ("two",)),
    Phrase("a 150-year-old man", M, ("150-year-old",)),
    Phrase("a man wearing old glasses, smiling", M | SMILE, ("wearing old glasses",)),
    Phrase("a smilling man", M, ("smilling",)),
    # contradictions
    Phrase("a smiling serious man", M | SMILE, (), (("smiling", "serious"),)),
    Phrase("a boy of seventy", M | age(70), (), (("seventy", "boy"),)),
    Phrase("a sad happy woman", F | SAD, (), (("sad", "happy"),)),
    Phrase("an old baby", BABY, (), (("baby", "old"),)),
    Phrase("a woman, male", F, (), (("woman", "male"),)),
    Phrase("not smiling, laughing", NO_SMILE, (), (("not smiling", "laughing"),)),
    Phrase("a serious man with a slight smile", M | NEUTRAL | SLIGHT),
]

CHINESE = [
    # 谁
    Phrase("一个男人", M),
    Phrase("一张女人的照片", F),
    Phrase("人像", {}),
    Phrase("微笑的老人", OLD | GENTLE),
    Phrase("一位老奶奶", F | GRAND),
    Phrase("年轻女性", F | YOUNG),
    Phrase("中年男子", M | MIDDLE),
    Phrase("婴儿", BABY),
    Phrase("哭泣的小孩", CHILD | SAD),
    Phrase("小男孩", M | BOY_OR_GIRL),
    Phrase("一个害怕的女孩", F | BOY_OR_GIRL | FEARFUL),
    Phrase("少女", F | age(13, 18)),
    Phrase("青年", YOUNG),
    Phrase("老爷爷在大笑", M | GRAND | LAUGHING),
    Phrase("中年阿姨", F | MIDDLE),
    Phrase("我妈妈", F),
    Phrase("一位先生，表情严肃", M | NEUTRAL),
    Phrase("老太太", F | OLD),
    Phrase("小伙子", M | YOUNG),
    Phrase("年轻人", YOUNG),
    Phrase("一名高龄老人", OLD),
    Phrase("请画一个开心的女士", F | HAPPY),
    # 数字
    Phrase("二十五岁的女人", F | age(25)),
    Phrase("25岁女性", F | age(25)),
    Phrase("七八岁的男孩", M | age(7, 8)),
    Phrase("七、八岁的小女孩", F | age(7, 8)),
    Phrase("五十来岁的男人", M | age(47, 53)),
    Phrase("两岁的宝宝", age(2)),
    Phrase("男，35岁", M | age(35)),
    Phrase("年龄：60，女", F | age(60)),
    Phrase("六个月大的婴儿", age(0.5)),
    Phrase("一百岁的老人", age(100)),
    Phrase("十七八岁的少女", F | age(17, 18)),
    Phrase("三岁半的孩子", age(3.5)),
    Phrase("６０岁的老人", age(60)),
    # 大约
    Phrase("大约四十岁", age(37, 43)),
    Phrase("三十岁左右的男性", M | age(28, 32)),
    Phrase("六十上下的女人", F | age(56, 64)),
    Phrase("年近六十的男人", M | age(57, 60)),
    Phrase("三十出头", age(30, 33)),
    Phrase("三十好几的男人", M | age(35, 39)),
    Phrase("年过半百的男人", M | age(50, 59)),
    # 范围
    Phrase("二三十岁", age(20, 39)),
    Phrase("四五十岁的大叔", M | age(40, 59)),
    Phrase("四十到五十岁", age(40, 50)),
    Phrase("20~30岁的女生", F | age(20, 30)),
    Phrase("二十至三十岁之间", age(20, 30)),
    Phrase("年龄在20和30之间的男性", M | age(20, 30)),
    Phrase("三十岁以下的女人", F | age(18, 30)),
    Phrase("六十岁以上的老人", age(65, 85)),
    Phrase("超过五十岁", age(50, 85)),
    # 年代
    Phrase("二十多岁、表情严肃的女性", F | age(21, 29) | NEUTRAL),
    Phrase("30多岁男人", M | age(31, 39)),
    Phrase("十几岁的男生", M | age(11, 19)),
    Phrase("四十几岁", age(41, 49)),
    # 表情
    Phrase("生气的男人", M | ANGRY),
    Phrase("愤怒的老头", M | OLD | ANGRY),
    Phrase("一脸惊讶的女人", F | SURPRISED),
    Phrase("满脸厌恶", DISGUSTED),
    Phrase("伤心的女孩", F | BOY_OR_GIRL | SAD),
    Phrase("面无表情的青年男子", M | YOUNG | NEUTRAL),
    Phrase("皱着眉头的老人", OLD | ANGRY),
    Phrase("目瞪口呆的孩子", CHILD | SURPRISED),
    Phrase("他很害怕", M | FEARFUL),
    # 笑
    Phrase("微微笑的女人", F | SLIGHT),
    Phrase("略带微笑", SLIGHT),
    Phrase("笑得很灿烂", BROAD),
    Phrase("非常开心的男孩", M | BOY_OR_GIRL | HAPPY | BROAD),
    Phrase("笑眯眯的老爷爷", M | GRAND | {"smile": 0.8}),
    Phrase("笑容满面的妇女", F | BROAD),
    Phrase("有点开心", HAPPY | SLIGHT),
    # 否定
    Phrase("不笑", NO_SMILE),
    Phrase("没有笑容的男人", M | NO_SMILE),
    Phrase("她没有笑", F | NO_SMILE),
    Phrase("不开心的女人", F | NO_SMILE),
    Phrase("不老的女人", F | NOT_OLD),
    Phrase("不太年轻", NOT_YOUNG),
    Phrase("既不年轻也不老", MIDDLE),
    Phrase("不是男人", F),
    Phrase("不生气", {}, ("不生气",)),
    # 没有的控制
    Phrase("戴眼镜的老人", OLD, ("戴眼镜",)),
    Phrase("长头发的女孩，微笑", F | BOY_OR_GIRL | GENTLE, ("长头发",)),
    Phrase("留胡子的中年男人", M | MIDDLE, ("留胡子",)),
    Phrase("戴着帽子的小孩", CHILD, ("戴着帽子",)),
    Phrase("漂亮的女老师", F, ("漂亮", "老师")),
    Phrase("三个女人", F, ("三个",)),
    Phrase("两百岁的老人", OLD, ("两百岁",)),
    Phrase("没有胡子的男人", M, ("没有胡子",)),
    # 矛盾
    Phrase("七十岁的小男孩", M | age(70), (), (("七十岁", "小男孩"),)),
    Phrase("大笑的严肃女人", F | LAUGHING, (), (("大笑", "严肃"),)),
    Phrase("又哭又笑的女人", F | SAD, (), (("哭", "笑"),)),
    Phrase("男的女人", F, (), (("女人", "男的"),)),
    Phrase("一个三十岁的微笑女性", F | age(30) | GENTLE),
    Phrase("恐惧的年轻男子", M | YOUNG | FEARFUL),
    Phrase("喜悦的中年妇女", F | MIDDLE | HAPPY),
    Phrase("冷静的男人", M | NEUTRAL),
    Phrase("流泪的女人", F | SAD),
    Phrase("快四十岁的女人", F | age(37, 40)),
    Phrase("不到三十岁", age(27, 30)),
    Phrase("咧嘴笑的少年", M | age(13, 18) | {"smile": 0.85}),
    Phrase("面带微笑的中年男人", M | MIDDLE | GENTLE),
    Phrase("没有表情", NEUTRAL),
    Phrase("大学生", age(18, 23)),
    Phrase("毫无笑意的男人", M | NO_SMILE),
    Phrase("幼儿", age(1, 5)),
    Phrase("年过七旬的老人", age(70, 79)),
    # 繁體
    Phrase("二十多歲、表情嚴肅的女性", F | age(21, 29) | NEUTRAL),
    Phrase("一位年輕的婦女，沒有笑容", F | YOUNG | NO_SMILE),
    Phrase("驚訝的男孩", M | BOY_OR_GIRL | SURPRISED),
    Phrase("戴眼鏡的老爺爺", M | GRAND, ("戴眼鏡",)),
    Phrase("約五十歲的媽媽", F | age(47, 53)),
]

MIXED = [
    Phrase("a 二十五岁 woman, smiling", F | age(25) | SMILE),
    Phrase("一个 happy 的老人", OLD | HAPPY),
    Phrase("old man，戴眼镜，微笑", M | OLD | GENTLE, ("戴眼镜",)),
    Phrase("30岁 female with a big smile", F | age(30) | BROAD),
    Phrase("女孩 about 7", F | age(6, 8)),
    Phrase("angry 的中年男人 with a beard", M | MIDDLE | ANGRY, ("with a beard",)),
]

PHRASES = [*ENGLISH, *CHINESE, *MIXED]

MENDED = [
    # Misread at first sight, or wrongly reported, when the parser was tried on phrases of later days.
    Phrase("father of two, forty", M | age(40), ("two",)),
    Phrase("two smiling girls", F | BOY_OR_GIRL | SMILE, ("two",)),
    Phrase("a very young girl", F | BOY_OR_GIRL),
    Phrase("a man's face", M),
    Phrase("a boy, not laughing but smiling a little", M | BOY_OR_GIRL | SLIGHT),
    Phrase("an old-fashioned woman", F, ("old-fashioned",)),
    Phrase("a face without any emotion", NEUTRAL),
    Phrase("a man, not", M, ("not",)),
    Phrase("a broadly smiling man", M | BROAD),
    Phrase("a 1 year old", age(1)),
    Phrase("1 man", M),
    Phrase("四十不到的男人", M | age(37, 40)),
    Phrase("半岁的宝宝", age(0.5)),
    Phrase("一岁多的宝宝", age(1, 2)),
    Phrase("大约一岁半的宝宝", age(1, 2)),
    Phrase("三、四十岁的男人", M | age(30, 49)),
    Phrase("不年轻也不算老的女人", F | MIDDLE),
    Phrase("她不怎么爱笑", F | NO_SMILE),
    Phrase("不像三十岁的男人", M, ("不像三十岁",)),
    Phrase("女，二十八", F | age(28)),
    Phrase("woman with the smile of a child", F | SMILE, ("of a child",)),
    Phrase("满头白发的老人", OLD, ("满头白发",)),
]
