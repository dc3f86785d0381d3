"""Every text of the studio, in English and Chinese."""

from __future__ import annotations

from typing import Any

LANGUAGES = {"en": "English", "zh": "中文"}
"""Each language by its own name; the first is that of the root."""

_PAGE = {
    "title": ("facevae studio", "facevae 人脸工作室"),
    "studio": ("studio", "人脸工作室"),
    "settings": ("Language and light", "语言和明暗"),
    "shade": ("Light / dark", "明 / 暗"),
    "header": (
        "Faces of nobody, made by the model {model} ({size} px) on this machine.",
        "由模型 {model}（{size} 像素）在这台机器上生成的人脸，世上并无其人。",
    ),
    "footer": (
        "Everything is computed on this machine; nothing is sent elsewhere. Every picture says in its "
        "metadata how it was made. Do not use faces to deceive.",
        "所有计算都在这台机器上完成，不向外发送任何内容。每张图片的元数据都注明它是如何制作的。请勿用于欺骗。",
    ),
    "tab_create": ("Create", "生成"),
    "tab_edit": ("Edit", "编辑"),
    "tab_mix": ("Mix", "混合"),
    "tab_morph": ("Morph", "渐变"),
    "tab_style": ("Style", "风格"),
    "tab_augment": ("Augment", "扩充数据"),
    "tab_model": ("Model", "模型"),
    "more": ("More", "更多"),
    "undo": ("Undo", "撤销"),
    "undo_nothing": ("There is nothing to undo.", "没有可以撤销的操作。"),
    "download": ("Download {file}", "下载 {file}"),
    "before": ("before", "之前"),
    "after": ("after", "之后"),
    "cut": ("Before / after", "前后对比"),
    "size": ("Size", "尺寸"),
    "yes": ("yes", "有"),
    "no": ("no", "无"),
    "none": ("none", "无"),
    "photo": ("Photo (JPEG, PNG, WebP, AVIF)", "照片（JPEG、PNG、WebP、AVIF）"),
    "zip": ("ZIP with metadata", "ZIP 压缩包（含元数据）"),
}
_CREATE = {
    "describe": ("Describe a face", "描述一张脸"),
    "describe_example": (
        "a smiling old man; 二十多岁、表情严肃的女性", "二十多岁、表情严肃的女性；a smiling old man",
    ),
    "describe_do": ("Fill in", "填入"),
    "describe_empty": (
        "Write what the face is to be like, such as: a smiling old man.",
        "请写出想要的样子，例如：微笑的老人。",
    ),
    "any": ("any", "不限"),
    "any_of": ("any {name}", "{name}不限"),
    "seed": ("Seed", "种子"),
    "die": ("New seed", "新种子"),
    "lock": ("Lock identity", "锁定身份"),
    "lock_info": (
        "The seed stays when other controls move, and with it the person, as far as the model can tell.",
        "调整其他控制时保持种子不变，即在模型能力范围内保持同一个人。",
    ),
    "count": ("Faces", "张数"),
    "truncation": ("Truncation", "截断"),
    "truncation_info": ("Smaller is more typical and less diverse.", "越小越典型，越不多样。"),
    "guidance": ("Guidance", "引导强度"),
    "guidance_info": ("Above 1 the controls show more clearly.", "大于 1 时控制更明显。"),
    "zip_do": ("All faces as a ZIP", "全部打包为 ZIP"),
    "zip_readme": (
        "Faces of nobody, made by facevae. metadata.csv says which seed and controls made each.",
        "由 facevae 生成，世上并无其人。metadata.csv 记录了每张脸的种子和控制。",
    ),
    "face_of_seed": ("seed {seed}", "种子 {seed}"),
    "link": ("Link to these faces", "这些人脸的链接"),
    "link_copy": ("Copy", "复制"),
    "link_copied": ("Copied", "已复制"),
}  # fmt: skip
_EDIT = {
    "edit_hint": (
        "Drop a photo first: its largest face is edited.",
        "请先放入一张照片：将编辑其中最大的脸。",
    ),
    "which_face": ("Face of the photo", "照片中的脸"),
    "face_number": ("face {number}, by size", "第 {number} 大的脸"),
    "aligned": ("aligned", "对齐后"),
    "reconstruction": ("reconstruction", "重建"),
    "paste_do": ("Paste back into the photo", "贴回照片"),
    "pasted": ("the photo with the edited face", "贴回编辑后的照片"),
    "paste_file": ("The photo in its own size", "原尺寸照片"),
    "detail": ("Keep the photo's detail", "保留照片细节"),
    "detail_info": (
        "Where the edit leaves the face alone, skin and hair are the photo's own.",
        "在没有改动的地方，皮肤和头发保持照片原样。",
    ),
    "way": ("How", "方式"),
    "way_auto": ("best measured", "实测最佳"),
    "way_direction": ("straight direction", "直线方向"),
    "way_flow": ("flow", "流"),
    "kept": ("Identity kept", "身份保留"),
    "kept_info": (
        "Cosine of features: 1 is the same picture, two strangers have about 0.",
        "特征余弦：1 表示同一张图片，陌生人之间约为 0。",
    ),
    "kept_missing": (
        "The identity meter needs: pip install -c constraints.txt '.[evaluate]'",
        "身份保留度需要：pip install -c constraints.txt '.[evaluate]'",
    ),
}
_MIX = {
    "mix_hint": (
        "Choose two or more faces and breed them; the last one chosen is shown large, and its genes can be "
        "moved.",
        "选择两张或更多的脸进行混合；最后选中的一张会放大显示，可以调整它的基因。",
    ),
    "mix_choose": ("Choose a face.", "请选择一张脸。"),
    "mix_anew": ("New people", "换一批人"),
    "mix_full": (
        "There is no room for another generation. “{anew}” begins afresh.",
        "谱系已满，放不下新的一代。点“{anew}”可重新开始。",
    ),
    "mix_take": ("Add the face of Create", "加入“生成”页中的脸"),
    "mix_photo": ("Add the face of a photo", "加入照片中的脸"),
    "mix_keep": ("Keep this face among the others", "把这张脸留在人群中"),
    "people": ("People", "人群"),
    "person": ("person {number}", "第 {number} 人"),
    "parent": ("parent", "亲代"),
    "breed": ("Breed", "混合"),
    "breed_needs": ("Choose two to {most} faces to breed.", "请选择 2 到 {most} 张脸进行混合。"),
    "mutation": ("Mutation", "变异"),
    "mutation_info": ("How far children are from what their parents make.", "后代偏离亲代组合的程度。"),
    "lineage": ("Lineage", "谱系"),
    "generation": ("Generation {number}", "第 {number} 代"),
    "genes_none": (
        "This model has no reader of attributes, so it has no named genes (docs/edit.md).",
        "该模型没有属性读取器，因此没有可命名的基因（见 docs/edit.md）。",
    ),
    "gene_category": ("{name}: {category}", "{name}：{category}"),
}
_MORPH = {
    "morph_seeds": ("Seeds", "种子"),
    "morph_seeds_info": ("Whole numbers with commas: 12, 34, 56", "用逗号分隔的整数：12, 34, 56"),
    "morph_photos": ("Photos, after the seeds", "照片（排在种子之后）"),
    "photo_number": ("photo {number}", "照片 {number}"),
    "frames": ("Frames (24 a second)", "帧数（每秒 24 帧）"),
    "loop": ("Return to the first face", "回到第一张脸"),
    "morph_do": ("Make the film", "生成视频"),
    "morph_film": ("Film from face to face", "人脸渐变视频"),
    "morph_needs": ("A film needs 2 to {most} faces: seeds, photos or both.",
                    "视频需要 2 到 {most} 张脸：种子、照片或两者皆可。"),
}  # fmt: skip
_STYLE = {
    "style_photo": ("Photo; without one, the face of Create is drawn", "照片；不放照片时使用“生成”页中的脸"),
    "style_crop": ("The face alone", "只画脸"),
    "style": ("Style", "风格"),
    "look_pencil": ("pencil", "铅笔"),
    "look_oil": ("oil", "油画"),
    "look_watercolour": ("watercolour", "水彩"),
    "look_cartoon": ("cartoon", "卡通"),
    "look_artwork": ("your artwork", "上传的画作"),
    "artwork": ("Artwork", "画作"),
    "artwork_missing": ("Drop an artwork, or choose another style.", "请放入一幅画作，或选择其他风格。"),
    "strength": ("Strength", "强度"),
    "effort": ("Steps", "步数"),
    "effort_info": ("More paints more closely and takes longer.", "越多越像，也越慢。"),
    "keep_colours": ("Keep the photo's colours", "保留照片的颜色"),
    "style_do": ("Draw", "绘制"),
}
_AUGMENT = {
    "augment_hint": (
        "A ZIP of new faces with a metadata.csv, as Hugging Face's ImageFolder and facevae prepare read it. "
        "Their labels are what was asked of the model.",
        "新生成的人脸与 metadata.csv 打包为 ZIP，可供 Hugging Face 的 ImageFolder 和 facevae prepare 读取。"
        "标签是对模型的要求。",
    ),
    "batch_count": ("Faces", "张数"),
    "batch_from": ("{name}, from", "{name}，从"),
    "batch_to": ("{name}, to", "{name}，到"),
    "batch_categories": ("Those chosen take turns; none: left to the model.",
                         "选中的轮流出现；不选则由模型决定。"),
    "seed_or_none": ("Seed (empty: a new one)", "种子（留空则随机）"),
    "check": ("Leave out pictures in which no face is found", "去掉检测不到人脸的图片"),
    "augment_do": ("Make the batch", "生成这批数据"),
    "augment_done": ("{count} faces; {left_out} left out. The first of them:",
                     "共 {count} 张，去掉 {left_out} 张。其中前几张："),
}  # fmt: skip
_MODEL = {
    "card_missing": ("This model has no card.", "该模型没有说明卡。"),
    "figures": ("Figures", "数据"),
    "figure_size": ("size", "尺寸"),
    "figure_latent": ("latent dimensions", "潜变量维数"),
    "figure_prior": ("prior", "先验"),
    "figure_controls": ("controls", "控制"),
    "figure_upscaler": ("upscaler", "放大网络"),
    "figure_psnr_db": ("reconstruction PSNR", "重建 PSNR"),
    "figure_ssim": ("reconstruction SSIM", "重建 SSIM"),
    "figure_kl_nats": ("KL to N(0, I)", "与 N(0, I) 的 KL"),
    "figure_active_units": ("active dimensions", "活跃维数"),
    "figure_seen_images": ("faces seen in training", "训练见过的人脸"),
    "figure_trained_seconds": ("time in training steps", "训练步耗时"),
    "reports": ("Reports", "报告"),
    "atlas": ("Named directions", "有名称的方向"),
    "atlas_info": (
        "One face, moved by two standard deviations either way; the other readings are held.",
        "同一张脸沿各方向移动正负两个标准差，其余读数保持不变。",
    ),
}
_ERRORS = {
    "error_title": ("This did not work", "未能完成"),
    "error_link": ("The link", "链接"),
    "error_other_model": (
        "The link was made with the model '{model}': here its faces are others.",
        "该链接由模型“{model}”生成：在这里得到的脸会不同。",
    ),
    "error_busy": (
        "Too many people are waiting for this machine. Try again in a moment.", "排队的人太多，请稍后再试。",
    ),
    "error_late": (
        "This took longer than {seconds} s and was given up. Ask for less at once.",
        "用时超过 {seconds} 秒，已停止。请减少一次要做的内容。",
    ),
    "error_fault": (
        "Something went wrong on our side; the server's log says what.", "程序出错，详情见服务器日志。",
    ),
    "error_photo": ("This file cannot be used as a photo: {reason}", "无法把该文件用作照片：{reason}"),
    "error_no_face": (
        "No face was found in this photo of {width} x {height} px. Try one that shows a face from the front.",
        "在这张 {width} x {height} 像素的照片中没有找到人脸。请换一张正面人脸照片。",
    ),
    "error_seed": (
        "A seed is a whole number from 0 to {most}, not '{text}'.",
        "种子应为 0 到 {most} 的整数，而不是“{text}”。",
    ),
}  # fmt: skip
_CONTROLS = {
    "age": ("Age", "年龄"), "gender": ("Gender", "性别"), "expression": ("Expression", "表情"),
    "smile": ("Smile", "笑容"), "yaw": ("Turned", "转头"),
}  # fmt: skip
_CATEGORIES = {
    "female": ("female", "女"), "male": ("male", "男"), "neutral": ("neutral", "平静"),
    "happy": ("happy", "高兴"),
    "sad": ("sad", "悲伤"), "angry": ("angry", "生气"), "surprised": ("surprised", "惊讶"),
    "disgusted": ("disgusted", "厌恶"), "fearful": ("fearful", "害怕"),
}  # fmt: skip
TEXTS: dict[str, tuple[str, str]] = {
    **_PAGE, **_CREATE, **_EDIT, **_MIX, **_MORPH, **_STYLE, **_AUGMENT, **_MODEL, **_ERRORS,
}  # fmt: skip
"""By key: (English, Chinese), with places in braces to fill in."""


class Words:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        """Raises KeyError for a language that there is not."""
        self.language = language
        self._place = {code: place for place, code in enumerate(LANGUAGES)}[language]

    def __call__(self, key: str, **fill: Any) -> str:
        return TEXTS[key][self._place].format(**fill)

    def control(self, name: str) -> str:
        """A control's name for people; one that has no translation as it is."""
        return _CONTROLS.get(name, (name, name))[self._place]

    def category(self, name: str) -> str:
        return _CATEGORIES.get(name, (name, name))[self._place]
