"""Chinese words, and what each means in a description. Traditional characters are folded first.

Chinese has no spaces, so the longest word wins; words without a control stand here too where a shorter word
inside them would be misread (老师 is not old, 十分 is not ten).
"""

from __future__ import annotations

from facevae.describe import senses as s
from facevae.describe.senses import Sense, claim, degree, lead, man, somebody, woman

_PEOPLE: list[tuple[Sense, str]] = [
    (woman(), "女 女性 女生 女儿 姐姐 妹妹 姑姑 姐 小姐姐 她 女友 女朋友 未婚妻 侄女 外甥女 千金"),
    (woman(s.GROWN),
        "女人 女士 女子 妇女 妇人 太太 夫人 小姐 妈妈 母亲 妈 妻子 老婆 媳妇 新娘 贵妇 美女 孕妇 家庭主妇 "
        "女郎"),
    (man(), "男 男性 男生 儿子 哥哥 弟弟 哥 小哥哥 他 男友 男朋友 未婚夫 侄子 外甥"),
    (man(s.GROWN), "男人 男士 男子 先生 爸爸 父亲 爸 丈夫 老公 新郎 帅哥 绅士 汉子 男子汉"),
    (woman(s.GIRL), "女孩 女孩子 女孩儿 小女孩 小女孩儿 女童 小姑娘 丫头 小丫头 女娃 小女生"),
    (man(s.BOY), "男孩 男孩子 男孩儿 小男孩 小男孩儿 男童 男娃 小男生"),
    (woman(s.BABY), "女婴 女宝宝"),
    (man(s.BABY), "男婴 男宝宝"),
    (woman(s.YOUTH), "少女"),
    (man(s.YOUTH), "少年"),
    (woman(s.YOUNG), "姑娘 女青年 年轻女人 大姑娘 妙龄女子"),
    (man(s.YOUNG), "小伙子 小伙 男青年 小伙儿"),
    (woman(s.YOUNG_WIFE), "少妇"),
    (woman(s.AUNT), "阿姨 大妈 大婶 大姐 婶婶 姨妈 舅妈 伯母 大嫂 婶子"),
    (man(s.AUNT), "大叔 叔叔 伯伯 舅舅 伯父 叔父 大哥 大伯"),
    (woman(s.GRANDPARENT), "奶奶 老奶奶 外婆 姥姥 祖母 外祖母 老婆婆 婆婆 阿婆"),
    (man(s.GRANDPARENT), "爷爷 老爷爷 外公 姥爷 祖父 外祖父 大爷 老大爷 老爷子 阿公 老公公"),
    (woman(s.OLD), "老太太 老太 老太婆 老妇 老妇人 老妪 老妈妈 大娘 老大娘 老年妇女 老阿姨"),
    (man(s.OLD), "老头 老头子 老头儿 老汉 老翁 老先生 老大叔 老伯"),
    (somebody(s.NEWBORN), "新生儿 刚出生的婴儿"),
    (somebody(s.BABY), "婴儿 宝宝 婴孩 小婴儿 小宝宝 娃娃 宝贝"),
    (somebody(s.SMALL_CHILD), "幼儿 幼童 学龄前儿童 小娃娃"),
    (somebody(s.CHILD), "小孩 小孩子 小孩儿 孩子 小朋友 儿童 孩童 娃 童 小家伙"),
    (somebody(s.PUPIL), "小学生"),
    (somebody(s.MIDDLE_SCHOOL), "初中生"),
    (somebody(s.HIGH_SCHOOL), "高中生"),
    (somebody(s.SECONDARY_SCHOOL), "中学生"),
    (somebody(s.TEEN), "青少年"),
    (somebody(s.STUDENT), "大学生"),
    (somebody(s.YOUNG), "青年 青年人 年轻人 年青人"),
    (somebody(s.ADULT), "成年人 成人 大人"),
    (somebody(s.MIDDLE_AGED), "中年人"),
    (somebody(s.OLD), "老人 老人家 老年人 老者 长者 老年 老人儿"),
]  # fmt: skip

_TRAITS: list[tuple[Sense, str]] = [
    (claim(stage=s.YOUNG), "年轻 年青 青春 年纪轻轻"),
    (claim(stage=s.ADULT), "成年"),
    (claim(stage=s.MIDDLE_AGED), "中年 人到中年"),
    (claim(stage=s.LATER_LIFE), "中老年 中老年人"),
    (claim(stage=s.OLD), "老 年老 年迈 高龄 上了年纪 上年纪 苍老 年长 衰老 老迈 上岁数 上了岁数"),
    (claim("neutral"),
        "中性 中性表情 面无表情 没有表情 没有任何表情 无表情 没表情 毫无表情 严肃 冷静 平静 淡定 冷漠 "
        "沉着 木然 不苟言笑 板着脸 扑克脸 镇定 一本正经 肃穆 庄重 神情自然 平淡"),
    (claim("happy"), "开心 高兴 快乐 愉快 喜悦 欢乐 幸福 兴高采烈 欣喜 欢喜 喜气洋洋 兴奋 愉悦 乐 欢快"),
    (claim("happy", s.STRONG), "大笑 哈哈大笑 狂笑 开怀大笑 捧腹大笑 放声大笑 欢笑 哈哈笑"),
    (claim("happy", 0.9), "眉开眼笑 喜笑颜开"),
    (claim("sad"),
        "悲伤 伤心 难过 悲哀 忧伤 忧郁 沮丧 哀伤 哭 哭泣 流泪 落泪 痛哭 大哭 泪流满面 含泪 失落 郁闷 "
        "愁眉苦脸 悲痛 委屈 失望 伤感 愁容 流眼泪 哭丧着脸 闷闷不乐 痛苦 苦恼 掉眼泪"),
    (claim("angry"),
        "生气 愤怒 发怒 恼怒 恼火 暴怒 气愤 发火 皱眉 皱眉头 皱着眉 皱着眉头 眉头紧锁 怒气冲冲 怒 愤慨 "
        "气呼呼 怒容 怒目 不悦 怒视 气冲冲"),
    (claim("surprised"), "惊讶 吃惊 惊奇 惊诧 震惊 诧异 惊呆 惊愕 目瞪口呆 惊喜 大吃一惊 讶异 惊异 意外"),
    (claim("disgusted"), "厌恶 恶心 嫌弃 反感 作呕 厌烦 憎恶 嫌恶"),
    (claim("fearful"),
        "害怕 恐惧 惊恐 惊慌 恐慌 惧怕 畏惧 惶恐 吓坏 吓坏了 受惊 胆怯 担心 紧张 焦虑 慌张 惊吓 怕 担忧 "
        "惊慌失措"),
    (claim(smile=s.SMILE), "笑 笑容 笑脸 含笑 带笑 笑意 笑着 欢颜"),
    (claim(smile=0.6), "微笑 面带微笑"),
    (claim(smile=s.SLIGHT), "微微笑 微微一笑 浅笑 淡淡一笑 微笑了一下 抿嘴笑 抿着嘴笑"),
    (claim(smile=0.3), "苦笑 冷笑"),
    (claim(smile=0.8), "笑眯眯 笑嘻嘻 笑呵呵 笑盈盈 乐呵呵 笑吟吟 甜笑"),
    (claim(smile=0.85), "咧嘴笑 咧着嘴笑 露齿笑 露齿而笑 露出牙齿笑 咧嘴"),
    (claim(smile=s.STRONG),
        "笑容满面 满面笑容 满脸笑容 笑容灿烂 灿烂笑容 满脸堆笑 笑逐颜开 合不拢嘴 笑开花"),
    (claim(smile=0.0), "笑不出来 不带笑 不露笑容 不笑 收起笑容"),
]  # fmt: skip

_GRAMMAR: list[tuple[Sense, str]] = [
    (s.NOT,
        "不 没 没有 无 不是 别 并不 并没有 毫不 毫无 不太 不怎么 不那么 不算 不再 从不 没在 不要 不能 未 "
        "不很 不会 没有任何 没有一点 没有一丝 一点不 一点也不 一点都不 并非 丝毫不 很少 不爱 不想 不喜欢 "
        "不肯 不愿意 不愿 不怎么爱 不像 不大爱"),
    (degree(s.STRONG, after=True),
        "非常 特别 十分 极 极其 极为 超 超级 灿烂 大大 格外 尤其 无比 相当灿烂 很灿烂 开怀 满脸 满面 异常 "
        "万分 极了 最 太 放声 咧嘴地 绽放"),
    (degree(s.FAIRLY, after=True), "很 挺 相当 蛮 颇 颇为 真 好 比较"),
    (degree(s.SLIGHT, after=True),
        "微微 略 略微 略带 略显 稍 稍微 稍稍 有点 有点儿 有些 一点 一点点 一丝 些许 浅浅 淡淡 轻轻 浅 淡 "
        "一丝丝 带点 带着一丝 带一丝 有一点 隐约 温和"),
    (degree(s.BARELY), "几乎看不出 若有若无"),
    (degree(s.SMILE, loose=True), "温暖 甜美 甜甜 自然 友善 亲切 和蔼"),
    (s.OR, "或 或者"),
    (s.AND, "和 与 并且 而且 以及 又 也 并 同时 还 且"),
    (s.BREAK, "但 但是 而 可是 却 不过 然而 而是"),
    (lead(False),
        "戴 戴着 有 有着 留 留着 穿 穿着 带 带着 长着 扎着 梳着 染着 涂着 披着 拿着 抱着 叼着 身穿 身着 "
        "满头"),
    (s.GLUE,
        "的 着 了 地 得 之 儿 在 像 好像 仿佛 一 个 位 名 张 幅 副 是 请 画 我 你 要 来 想 年 看 拍 小 们 "
        "吧 啊 呢 吗 能 让 爱 做 满"),
    (s.FILLER,
        "一个 一位 一名 一张 一幅 一副 一种 一只 请给我 给我 帮我 我的 想要 来个 来一个 生成 照片 图片 "
        "图像 肖像 头像 人像 相片 脸 脸上 脸庞 面孔 面部 面容 脸部 表情 神情 神态 样子 模样 看起来 看上去 "
        "显得 正在 人 者 人物 人脸 一脸 岁 年龄 年纪 岁数 左右 大概 感到 觉得 心情 情绪 露出 面带 流露出 "
        "呈现 这个 那个 这位 那位 某个 我们 他们 做出 一下 其他 感觉 忍不住 止不住 既 一直 正面 大头照 "
        "证件照 自拍 写真 画像 性别 看着 十足 起来 小小 可以 长得 喜欢 看镜头 看着镜头 对着镜头 神色 面色 "
        "脸色 带有 充满 表现 表现出"),
    (s.ALIEN,
        "眼镜 墨镜 老花镜 太阳镜 头发 胡子 胡须 皱纹 雀斑 帽子 短发 长发 金发 白发 黑发 卷发 红发 口红 "
        "耳环 胖 瘦 漂亮 美丽 帅 帅气 英俊 可爱 好看 五官端正 端正 老师 老板 老外 老虎 老鼠 老乡 老家 "
        "老实 老练 古老 中国人 白人 黑人 外国人 外国 金发碧眼 亚洲人 欧洲人 非洲人 美国人 日本人 男女 "
        "子女 儿女 玩笑 笑话 可笑 好笑 搞笑 嘲笑 岁月 万岁 惊艳 鬼脸 女王 女神 女巫 男神 老二 小丑 小说 "
        "好奇 不好意思 音乐 可乐 不错 不同 不锈钢 无聊 疲惫 困惑 害羞 高大 高个子 王子 公主 大眼睛 小眼睛 "
        "眼睛 皮肤 白皙 黝黑 光头 秃头 医生 护士 学生 警察 工人 农民 军人 演员 歌手 口罩 围巾 领带 西装 "
        "裙子 衣服 自信 骄傲 疲倦 怒放 乐器 乐队 老照片 老式 老电影 外星人 机器人 主人 好人 坏人 家人 "
        "一家人 一家 全家 情侣 夫妻 一对 恋人 情人 老鹰 老妖怪 年轮 大海 意外险 怕热 无框 没精打采"),
]  # fmt: skip

CHINESE: dict[tuple[str, ...], Sense] = {
    tuple(word): sense for sense, words in (*_PEOPLE, *_TRAITS, *_GRAMMAR) for word in words.split()
}

_TRADITIONAL = (
    "歲婦驚訝嚴肅厭惡懼憤開樂興傷難過沒無個張輕齡約幾嬰兒媽爺頭點臉帶鏡髮長鬍鬚請畫給圖為這來兩間歡顏緒氣悅燦"
    "爛滿極慮緊嚇還從與後膚黃藍綠紅證職業總師醫學讓兇壞發憂鬱慟淚謝對樣並顯現雙飾養歷態孫嬸爾際覺動稱舊飽貴費"
    "殘寧靜捲單戀擔乾壓厲獨異齒滅衝紳賣買達邊閉關陽陰隊雖離電靈預題類願風飛飯餘駭鬆麗齊僅億優償傢傳傾側偉備憐"
    "懶戲戶護擁據擇揮損換獻瑪產畢當療癡緩練羅聲聰聽臟藝觀親記詫認誰話該說課調諷讚識賊賴趕輩辦農遠適選鄉鄰醜鋒"
    "錄錢鎮鐘鬧魯鳳齣龍龜繃著瞇髒嘆歎誇跡"
)
_SIMPLIFIED = (
    "岁妇惊讶严肃厌恶惧愤开乐兴伤难过没无个张轻龄约几婴儿妈爷头点脸带镜发长胡须请画给图为这来两间欢颜绪气悦灿"
    "烂满极虑紧吓还从与后肤黄蓝绿红证职业总师医学让凶坏发忧郁恸泪谢对样并显现双饰养历态孙婶尔际觉动称旧饱贵费"
    "残宁静卷单恋担干压厉独异齿灭冲绅卖买达边闭关阳阴队虽离电灵预题类愿风飞饭余骇松丽齐仅亿优偿家传倾侧伟备怜"
    "懒戏户护拥据择挥损换献玛产毕当疗痴缓练罗声聪听脏艺观亲记诧认谁话该说课调讽赞识贼赖赶辈办农远适选乡邻丑锋"
    "录钱镇钟闹鲁凤出龙龟绷着眯脏叹叹夸迹"
)
SIMPLER = dict(zip(_TRADITIONAL, _SIMPLIFIED, strict=True))
"""Traditional character to simplified, one to one, for the characters that descriptions use."""
