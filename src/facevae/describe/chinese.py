"""Chinese words, and what each means in a description. Traditional characters are folded first.

Chinese has no spaces, so the longest word wins; words without a control stand in the tables where a shorter
word inside them would be misread (老师 is not old, 十分 is not ten).
"""

from __future__ import annotations

from facevae.describe.chinese_faces import FACES
from facevae.describe.chinese_grammar import GRAMMAR
from facevae.describe.chinese_people import AGES, PEOPLE
from facevae.describe.chinese_things import WITHOUT_CONTROL

ROWS = (*PEOPLE, *AGES, *FACES, *GRAMMAR, *WITHOUT_CONTROL)
CHINESE = {tuple(word): sense for sense, words in ROWS for word in words.split()}
