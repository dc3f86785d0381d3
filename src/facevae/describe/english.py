"""English words and phrases, hyphens read as spaces, and what each means in a description."""

from __future__ import annotations

from facevae.describe import senses as s
from facevae.describe.senses import Sense, claim, degree, lead, man, somebody, woman

_PEOPLE: list[tuple[Sense, str]] = [
    (woman(s.GROWN),
        "woman, lady, gal, mother, mom, mum, mommy, mummy, wife, mrs, madam, businesswoman, housewife, "
        "mama"),
    (woman(s.GROWN, plural=True), "women, ladies"),
    (woman(), "female, daughter, sister, niece, aunt, auntie, aunty, girlfriend, bride, mademoiselle"),
    (woman(plural=True), "females"),
    (man(s.GROWN),
        "man, guy, gentleman, dude, bloke, fellow, chap, father, dad, daddy, papa, husband, mr, "
        "businessman"),
    (man(s.GROWN, plural=True), "men, guys, gentlemen, dudes, fellows"),
    (man(), "male, son, brother, nephew, uncle, boyfriend, groom, bridegroom"),
    (man(plural=True), "males"),
    (woman(s.GIRL), "girl, little girl, small girl, schoolgirl, lass"),
    (woman(s.GIRL, plural=True), "girls, little girls"),
    (man(s.BOY), "boy, little boy, small boy, schoolboy"),
    (man(s.BOY, plural=True), "boys, little boys"),
    (man(s.LAD), "lad"),
    (woman(s.GRANDPARENT), "grandmother, grandma, granny, gran, nana, nanna, old granny"),
    (man(s.GRANDPARENT), "grandfather, grandpa, granddad, grandad, gramps"),
    (somebody(s.GRANDPARENT), "grandparent"),
    (somebody(s.NEWBORN), "newborn, new born"),
    (somebody(s.BABY), "baby, infant"),
    (somebody(s.BABY, plural=True), "babies, infants"),
    (somebody(s.TODDLER), "toddler"),
    (somebody(s.PRESCHOOLER),
        "preschooler, pre schooler, small child, little child, little kid, small kid"),
    (somebody(s.CHILD), "child, kid"),
    (somebody(s.CHILD, plural=True), "children, kids"),
    (somebody(s.TEEN), "teenager, teen, adolescent"),
    (somebody(s.TEEN, plural=True), "teenagers, adolescents"),
    (somebody(s.YOUNG), "youth, youngster, young adult"),
    (somebody(s.ADULT), "adult, grown up, grownup"),
    (somebody(s.ADULT, plural=True), "adults"),
    (somebody(s.OLD), "senior, pensioner, senior citizen, retiree, old person, old folk, old timer"),
    (somebody(s.OLD, plural=True), "seniors, pensioners, old people"),
]  # fmt: skip

_TRAITS: list[tuple[Sense, str]] = [
    (claim(gender="female"), "f, she, her, she's, herself"),
    (claim(gender="male"), "m, he, his, him, he's, himself"),
    (claim(stage=s.CHILD), "childlike"),
    (claim(stage=s.TEEN), "teenage, teenaged"),
    (claim(stage=s.YOUNG), "young, youthful, younger, youngish"),
    (claim(stage=s.MIDDLE_AGED), "middle aged, middle age, midlife"),
    (claim(stage=s.OLDER), "older, aging, ageing"),
    (claim(stage=s.OLD), "old, elderly, aged, geriatric, old age, oldish, little old"),
    (claim(stage=s.VERY_OLD), "ancient"),
    (claim("neutral"),
        "neutral, serious, seriously, expressionless, deadpan, solemn, stern, emotionless, stoic, "
        "straight faced, poker face, poker faced, calm, no expression, without expression, "
        "without an expression, without any expression, without emotion, without any emotion, calmly, "
        "no emotion, impassive, sober, blank"),
    (claim("happy"),
        "happy, happily, happiness, cheerful, cheerfully, joyful, joyous, joy, delighted, glad, merry, "
        "jolly, pleased, content, elated, ecstatic, overjoyed, excited, amused"),
    (claim("happy", s.STRONG), "laughing, laugh, laughs, laughter, in stitches"),
    (claim("happy", s.SMILE), "chuckling, giggling, giggles"),
    (claim("sad"),
        "sad, sadly, sadness, unhappy, crying, cries, cry, weeping, tearful, in tears, sobbing, gloomy, "
        "depressed, sorrowful, melancholy, melancholic, miserable, heartbroken, disappointed, upset, "
        "grieving, mournful, dejected, downcast"),
    (claim("angry"),
        "angry, angrily, anger, frowning, frown, frowns, mad, furious, furiously, enraged, rage, annoyed, "
        "irritated, scowling, scowl, glaring, irate, outraged, grumpy"),
    (claim("surprised"),
        "surprised, surprise, astonished, astonishment, amazed, amazement, shocked, shock, startled, "
        "stunned, astounded"),
    (claim("disgusted"), "disgusted, disgust, revolted, repulsed, grossed out, nauseated"),
    (claim("fearful"),
        "fearful, afraid, scared, frightened, terrified, fear, anxious, nervous, worried, panicked, "
        "panicking, horrified, in terror, terror, petrified"),
    (claim(smile=s.SMILE), "smiling, smile, smiles, smiley, smilingly"),
    (claim(smile=0.85), "grinning, grin, grins"),
    (claim(smile=s.STRONG), "beaming"),
    (claim(smile=0.3), "smirking, smirk"),
    (claim(smile=0.0), "unsmiling"),
]  # fmt: skip

_GRAMMAR: list[tuple[Sense, str]] = [
    (s.NOT,
        "not, isn't, aren't, doesn't, don't, wasn't, isnt, doesnt, dont, no, without, without any, never, "
        "neither, nor, non, no longer, not at all, nothing like, lacking, can't, cannot, won't, "
        "anything but, far from, rarely, seldom, refuses to, refusing to"),
    (degree(s.STRONG),
        "very, extremely, super, incredibly, hugely, so, exceptionally, terribly, absolutely, "
        "overwhelmingly, truly, really"),
    (degree(s.STRONG, loose=True),
        "broad, big, wide, huge, bright, radiant, toothy, large, enormous, massive, giant, full, great, "
        "dazzling"),
    (degree(s.STRONG, after=True),
        "broadly, widely, brightly, radiantly, from ear to ear, ear to ear, a lot, very much, heartily, "
        "loudly, out loud"),
    (degree(s.FAIRLY), "quite, rather, fairly, too, particularly, especially"),
    (degree(s.FAIRLY, loose=True), "pretty"),
    (degree(s.SLIGHT, after=True),
        "slightly, a little, a bit, a little bit, somewhat, faintly, gently, softly, subtly, kind of, "
        "sort of, lightly"),
    (degree(s.SLIGHT, loose=True),
        "slight, faint, gentle, soft, subtle, small, little, hint of, a hint of, a trace of, trace of, "
        "touch of, a touch of, tiny, half, light, mild, quiet"),
    (degree(s.BARELY), "barely, hardly, almost imperceptibly"),
    (degree(s.SMILE, loose=True), "warm, friendly, kind, natural, nice"),
    (s.OR, "or"),
    (s.AND, "and"),
    (s.BREAK, "but, while, yet, although, though, however"),
    (lead(True), "with, has, having, wearing, wears, in, holding, dressed in, dressed, on"),
    (s.GLUE,
        "a, an, the, of, to, some, any, one, at, for, from, by, as, over, like, just, only, not only, even"),
    (s.FILLER,
        "photo, photos, photograph, picture, pictures, image, images, portrait, portraits, headshot, "
        "selfie, snapshot, mugshot, face, person, human, human being, individual, someone, somebody, "
        "someone's, somebody's, who, who's, that, that's, can't help, cannot help, can't stop, "
        "cannot stop, anymore, any more, probably, possibly, it's, which, whose, is, are, was, be, being, "
        "looks, look, looking, appears, appearing, seems, seeming, shows, showing, feels, feeling, "
        "please, show, draw, make, generate, create, give, want, need, would, can, could, you, i, me, my, "
        "us, their, they, them, this, there, it, its, expression, expressions, facial expression, facial, "
        "mood, emotion, age, ages, years, year, close up, closeup, front, frontal, facing, and not only, "
        "citizen, random, new, also, still, appearance, looks like, aged about, gender, sex, ish, camera, "
        "at the camera, into the camera"),
    (Sense(s.Kind.FILLER, plural=True), "people, faces, persons, humans, individuals"),
    (s.ALIEN,
        "beard, bearded, glasses, hat, hair, haired, blond, blonde, beautiful, handsome, fat, thin, tall, "
        "short, eyes, moustache, mustache, earrings, freckles, wrinkles, wrinkled, bald, makeup, scar, "
        "mask, cap, scarf, asian, black, white, african, european, chinese, dark, skin, mother's, "
        "sunglasses, collar, tired, sleepy, bored, confused, contempt, proud, wise, smart, cute, "
        "old fashioned, old school, good old, old friend"),
]  # fmt: skip

ENGLISH: dict[tuple[str, ...], Sense] = {
    tuple(phrase.split()): sense
    for sense, phrases in (*_PEOPLE, *_TRAITS, *_GRAMMAR)
    for phrase in phrases.split(", ")
}
