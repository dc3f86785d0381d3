"""English words that hold a description together: negation, degrees, leads and filler."""

from __future__ import annotations

from dataclasses import replace

from facevae.describe import senses as s
from facevae.describe.senses import ADJECTIVE, Sense, degree, lead

GRAMMAR: list[tuple[Sense, str]] = [
    (s.NOT,
        "not, isn't, aren't, doesn't, don't, wasn't, isnt, doesnt, dont, no, without, without any, never, "
        "neither, nor, non, no longer, not at all, nothing like, lacking, can't, cannot, won't, "
        "anything but, far from, rarely, seldom, refuses to, refusing to, didn't, hasn't, haven't, ain't, "
        "never been, hardly ever, anything other than, not exactly, not particularly, not really, free of, "
        "devoid of, not a bit, by no means, in no way, no more, not in the least, not remotely, "
        "not one bit, least of all, not yet, not quite, w/o, wo, sans, cannot be called, avoid, except, "
        "stop being, stopped being, used to be, wouldn't, shouldn't, none of, the opposite of, "
        "opposite of, unlikely to, declines to, minus, hardly, not even, not so much as, un"),
    (degree(s.STRONG),
        "very, extremely, super, incredibly, hugely, so, exceptionally, terribly, absolutely, "
        "overwhelmingly, truly, really, immensely, intensely, utterly, totally, completely, deeply, "
        "tremendously, wildly, insanely, visibly, obviously, genuinely, positively, awfully, most, "
        "ridiculously, unbelievably, ever so, profoundly, damn, fucking, bloody, hella, mega, ultra, uber, "
        "crazy, very very, so very, too too, clearly, highly, oh so, thoroughly"),
    (degree(s.STRONG, loose=True),
        "broad, big, wide, huge, bright, radiant, toothy, large, enormous, massive, giant, full, great, "
        "dazzling, ear splitting, brilliant, hearty, genuine, winning, infectious, sparkling, gigantic, "
        "sunny, glowing, blinding, gleaming, wide open, humongous, cheesy, goofy, biggest"),
    (degree(s.STRONG, after=True),
        "broadly, widely, brightly, radiantly, from ear to ear, ear to ear, a lot, very much, heartily, "
        "loudly, out loud, hysterically, with all his teeth, with all her teeth, uncontrollably"),
    (degree(s.FAIRLY), "quite, rather, fairly, too, particularly, especially, reasonably, decidedly"),
    (degree(s.FAIRLY, loose=True), "pretty"),
    (degree(s.SLIGHT, after=True),
        "slightly, a little, a bit, a little bit, somewhat, faintly, gently, softly, subtly, kind of, "
        "sort of, lightly, a tad, a touch, mildly, vaguely, ever so slightly, a wee bit, a tiny bit, "
        "modestly, kinda, sorta, just a little, only slightly, only a little, shyly, coyly, politely"),
    (degree(s.SLIGHT, loose=True),
        "slight, faint, gentle, soft, subtle, small, little, hint of, a hint of, a trace of, trace of, "
        "touch of, a touch of, tiny, half, light, mild, quiet, ghost of, a ghost of, shadow of, bit of, "
        "a bit of, a shadow of, whisper of, a whisper of, suggestion of, a suggestion of, the ghost of, "
        "the hint of, wan, flicker of, a flicker of, glimmer of, a glimmer of, the tiniest, the slightest, "
        "wee, shy, coy, polite, restrained, barest, the barest, closed mouth, subdued"),
    (degree(s.BARELY), "barely, almost imperceptibly, barely perceptibly, barely visibly, scarcely"),
    (degree(s.BARELY, loose=True),
        "barely there, almost imperceptible, barely perceptible, imperceptible, scarcely visible"),
    (degree(s.SMILE, loose=True),
        "warm, friendly, kind, natural, nice, warmly, sweet, lovely, charming, pleasant, kindly, sweetly, "
        "welcoming, easy, relaxed, disarming, cute little, inviting, honest, sincere"),
    (s.OR, "or"),
    (s.AND, "and, plus"),
    (s.BREAK, "but, while, yet, although, though, however, then"),
    (lead(swallows=True),
        "with, has, having, wearing, wears, in, dressed in, dressed, w, sporting, sports, clad in, "
        "featuring, bearing, rocking, inside, under a, behind, in front of, against, near, wore, donning"),
    (lead(others=True),
        "next to, beside, alongside, together with, along with, accompanied by, unlike, than, resembling, "
        "resembles, similar to, looks at, looking at, gazing at, staring at, glaring at, hugging, holding, "
        "carrying, kissing, cradling, feeding, playing with, talking to, married to, engaged to, "
        "in love with, standing by, posing with, hugged by, held by, kissed by, surrounded by, like a, "
        "like an, like the, like his, like her, like their, like my, like some, dressed as, dressed like, "
        "dressed up as, disguised as, pretending to be, acting like, behaving like, cosplaying, "
        "cosplaying as, playing, raised by, taught by, holds, carries, hugs, hates, loves, misses, meets, "
        "meeting, visiting, holding hands with, walking with, caring for, taking care of, looking after, "
        "babysitting, nursing, teaching, bathing, rocking a, burping, photographed by, painted by, "
        "photo by, portrait by, taken by, drawn by, shot by, style of, in the style of, by artist, "
        "fighting, chasing, protecting, saving, dreaming of, thinking of, as opposed to, instead of, "
        "rather than, as if he were, as if she were, as though he were, mistaken for, taken for, "
        "reminiscent of, compared to, compared with, the size of, half the age of, twice the age of, "
        "taller than, shorter than, smarter than, standing with, sitting with, lying with, sitting on, "
        "dancing with, marrying, dating, parenting, breastfeeding, who has, who had, expecting, awaiting, "
        "watching, watched by, followed by, led by, arm in arm with, in the arms of, on the shoulders of, "
        "on the lap of, in front of his, in front of her, as old as, as tall as, as young as, as big as, "
        "as wise as, the same age as, same age as, old enough to be, young enough to be, talks to, "
        "playing as, playing the, plays, stands by, poses with"),
    (lead(others=True), "at a, at an, at her, at his, at their, at my"),
    (lead(kin=True), "of a, of an, of my, of their"),
    (replace(lead(kin=True), gender="female", possessive=True, rank=ADJECTIVE), "of her"),
    (replace(lead(kin=True), gender="male", possessive=True, rank=ADJECTIVE), "of his"),
    (lead(), "on"),
    (s.GLUE,
        "a, an, the, of, to, some, any, one, at, for, from, by, as, over, like, just, only, not only, "
        "even, these, those, such, into, onto, up, out, off, because, since, when, if, after, before, "
        "than that, too much, enough, through, during, upon, about"),
    (s.PICTURE,
        "photo, photos, picture, pictures, image, images, portrait, portraits, headshot, selfie, snapshot, "
        "mugshot, photograph, photographs, pic, pics, drawing, painting, sketch, polaroid, snapshots, "
        "selfies, headshots, close up, closeup, shot, close up shot, profile picture, passport photo, "
        "id photo, mug shot, profile pic, stock photo, rendering, render, camera"),
    (s.FILLER,
        "not your average, not your typical, not just any, not an ordinary, not an average, face, person, "
        "human, human being, individual, someone, somebody, someone's, somebody's, who, who's, that, "
        "that's, can't help, cannot help, can't stop, cannot stop, anymore, any more, probably, possibly, "
        "it's, which, whose, is, are, was, be, being, looks, look, looking, appears, appearing, seems, "
        "seeming, shows, showing, feels, feeling, please, show, draw, make, generate, create, give, want, "
        "need, would, can, could, you, i, me, my, us, their, they, them, this, there, it, its, expression, "
        "expressions, facial expression, facial, mood, emotion, age, ages, years, year, front, frontal, "
        "facing, and not only, citizen, random, new, also, still, appearance, aged about, at all, "
        "at the moment, these days, ever, gender, sex, ish, at the camera, into the camera, "
        "looking at the camera, looking into the camera, at camera, looking at you, looks at the camera, "
        "looks at you, facing the camera, looking straight ahead, your, our, we, were, been, do, does, "
        "did, will, have, had, let, let's, get, got, find, i'd, i'm, i'll, like to see, would like, "
        "i want, i need, see, hi, hello, hey, thanks, thank, typical, ordinary, normal, average, regular, "
        "real, everyday, single, certain, particular, specific, same, view, front view, frontal view, "
        "emotion expression, feelings, personal, emotions, features, facial features, countenance, "
        "demeanor, demeanour, visage, gaze, air, look of, expression of, pair, wearing an expression of, "
        "with an air of, type, sort, adult looking, perhaps, likely, roughly speaking, currently, now, "
        "right now, today, named, called, yes, true, gimme, paint, say, something, here, here's, there's, "
        "they're, theirs, mouth, lips, caught, captured, subject, prompt, character, he or she, pose, "
        "posing, clearly showing, someone who is, having an expression of, turning, turns, turned"),
    (Sense(s.Kind.FILLER, plural=True), "people, faces, persons, humans, individuals, folks, folk, heads"),
]  # fmt: skip
