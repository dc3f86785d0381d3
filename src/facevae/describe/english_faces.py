"""English words for expressions and smiles, and for a gender that is no noun."""

from __future__ import annotations

from facevae.describe import senses as s
from facevae.describe.senses import Sense, claim

FACES: list[tuple[Sense, str]] = [
    (claim(gender="female"), "f, she, she's, herself, she'd, she'll, hers, feminine, womanlike, girlish"),
    (claim(gender="male"), "m, he, him, he's, himself, he'd, he'll, masculine, manly, manlike"),
    (claim(gender="female", possessive=True), "her"),
    (claim(gender="male", possessive=True), "his"),
    (claim("neutral"),
        "neutral, serious, seriously, expressionless, deadpan, solemn, stern, emotionless, stoic, "
        "straight faced, poker face, poker faced, calm, no expression, without expression, "
        "without an expression, without any expression, without emotion, without any emotion, calmly, "
        "no emotion, impassive, sober, blank, straight face, stone faced, stony faced, stone face, "
        "blank stare, blank faced, unemotional, expressionlessly, neutrally, sternly, solemnly, stoically, "
        "composed, unreadable, inexpressive, resting face, poker faces, blankly, no emotions, stolid, "
        "without emotions, without expressions, no facial expression, showing no emotion, impassively, "
        "austere, unmoved, unperturbed, collected, dispassionate, unimpressed, indifferent, serene, "
        "serenely, peaceful, peacefully, placid, tranquil, calmness, seriousness, stony, stoical, "
        "unflinching, businesslike, poised, level headed, game face, strictly, strict, unresponsive, "
        "without showing emotion, without showing any emotion, vacant, detached, aloof, apathetic, "
        "neither happy nor sad, neither sad nor happy, not happy nor sad, not happy or sad, "
        "not happy and not sad, not sad and not happy, neither smiling nor frowning, "
        "neither frowning nor smiling, neither sad nor smiling, neither smiling nor sad, "
        "passport photo expression, passport expression, passport face, void of emotion, unfazed, "
        "devoid of emotion, devoid of expression, cold faced, straight laced, matter of fact, deadpanning"),
    (claim("happy", quality=True), "happiness, joy"),
    (claim("happy"),
        "happy, happily, cheerful, cheerfully, joyful, joyous, delighted, glad, merry, jolly, pleased, "
        "content, elated, ecstatic, overjoyed, excited, amused, joyfully, happier, happiest, contented, "
        "cheery, jovial, gleeful, gleefully, glee, thrilled, euphoric, jubilant, upbeat, exuberant, "
        "blissful, blissfully, bliss, good humoured, good humored, satisfied, bubbly, perky, sunnily, "
        "mirthful, mirth, chirpy, chipper, tickled, tickled pink, over the moon, on cloud nine, "
        "in high spirits, high spirited, lighthearted, light hearted, delight, delightedly, joyously, "
        "merrily, rejoicing, enraptured, rapturous, exhilarated, exultant, enthusiastic, in a good mood, "
        "good mood, full of joy, tears of joy, crying tears of joy, crying with joy, crying for joy, "
        "crying from joy, weeping with joy, crying happy tears, happy tears, weeping for joy, "
        "tears of happiness, crying with happiness, in seventh heaven, walking on air, pleasantly pleased, "
        "gladly, stoked, pumped, giddy, radiating joy, celebrating, triumphant, victorious, "
        "happy go lucky, carefree, jolliest, merriest, in good spirits, jump for joy, jumping for joy, "
        "elation, excitement, cheering, ebullient, on top of the world, like the cat that got the cream, "
        "full of beans, excitedly"),
    (claim("happy", s.STRONG),
        "laughing, laugh, laughs, laughter, in stitches, laughed, guffawing, cracking up, "
        "roaring with laughter, bursting with laughter, bursting out laughing, laughing out loud, "
        "couldn't be happier, could not be happier, can't be happier, never been happier, cackling, "
        "never happier, crying with laughter, crying from laughter, crying laughing, laughing and crying, "
        "laughing till he cries, laughing till she cries, laughing until he cries, laughing so hard, "
        "laughing until she cries, laughing to tears, tears of laughter, crying tears of laughter, "
        "weeping with laughter, rofl, lol, lmao, splitting his sides, splitting her sides, "
        "hysterical with laughter, howling with laughter, doubled up with laughter, in fits of laughter, "
        "chortling, in hysterics, guffaw, cackle, hearty laugh, laughing his head off, "
        "laughing her head off, laughing hysterically, happy as can be, as happy as can be, belly laugh, "
        "grinning with joy, shrieking with laughter, screaming with laughter, deliriously happy, "
        "happy as a clam, laughing like a drain, cracking a laugh, rolling with laughter"),
    (claim("happy", s.SMILE),
        "chuckling, giggling, giggles, giggle, chuckle, chuckles, giggly, tittering, tee hee, snickering, "
        "sniggering, twinkling eyes, snicker, titter"),
    (claim("sad", quality=True), "sadness, sorrow"),
    (claim("sad"),
        "trembling lips, trembling lip, quivering lips, quivering lip, sad, sadly, unhappy, crying, cries, "
        "cry, weeping, tearful, in tears, sobbing, gloomy, depressed, sorrowful, melancholy, melancholic, "
        "miserable, heartbroken, disappointed, upset, grieving, mournful, dejected, downcast, sadder, "
        "saddest, cried, weeps, weepy, wept, weep, sob, sobs, glum, glumly, teary, teary eyed, "
        "tear stained, tear streaked, tears in his eyes, tears in her eyes, with tears in his eyes, "
        "with tears in her eyes, on the verge of tears, close to tears, near tears, about to cry, "
        "going to cry, tearing up, misty eyed, choked up, crying her eyes out, crying his eyes out, "
        "crying their eyes out, bawling, bawling his eyes out, bawling her eyes out, blubbering, wailing, "
        "whimpering, sniffling, sulking, sulky, pouting, pouty, pout, down in the dumps, "
        "down in the mouth, despondent, crestfallen, forlorn, woeful, woebegone, wistful, wistfully, "
        "doleful, dolefully, lugubrious, morose, sombre, somber, dispirited, disheartened, discouraged, "
        "dismayed, distraught, devastated, desperate, despair, despairing, in despair, hopeless, "
        "inconsolable, grief, grief stricken, griefstricken, anguished, anguish, agonized, agonised, "
        "in agony, tormented, mourning, bereaved, lonely, lonesome, hurt, broken hearted, brokenhearted, "
        "feeling down, feeling blue, feeling low, sorry for himself, sorry for herself, bummed, "
        "bummed out, let down, sad faced, long face, with a long face, tears, tears streaming, with tears, "
        "lachrymose, unhappily, miserably, gloomily, tearfully, mournfully, depression, melancholia, "
        "misery, regretful, remorseful, rueful, teardrop, teardrops, sad eyed, sad eyes, hangdog, "
        "homesick, long faced, pained, in pain, suffering, sorrowfully, puppy eyes, puppy dog eyes, "
        "heavyhearted, heavy hearted, with a heavy heart, joyless, cheerless, mirthless, with wet eyes, "
        "sad look, sad face"),
    (claim("sad", s.SLIGHT),
        "tears and a smile, a smile and tears, sad smile, bittersweet smile, smiling sadly, "
        "melancholy smile, smiles sadly, melancholic smile, sorrowful smile, smiling through tears, "
        "smiling through her tears, smiling through his tears, tearful smile, wistful smile, "
        "a sad little smile, rueful smile, smiling but with sad eyes, smiling with sad eyes, "
        "smiling through the tears, pained smile"),
    (claim("angry", quality=True), "anger, rage"),
    (claim("angry"),
        "angry, angrily, frowning, frown, frowns, mad, furious, furiously, enraged, annoyed, irritated, "
        "scowling, scowl, glaring, irate, outraged, grumpy, angrier, angriest, fury, wrath, wrathful, "
        "livid, fuming, seething, incensed, infuriated, raging, crossly, cranky, grouchy, irritable, "
        "bad tempered, ill tempered, short tempered, hot tempered, grumpily, grumpier, huffy, in a huff, "
        "hopping mad, mad as hell, mad as a hornet, boiling mad, boiling with rage, seeing red, "
        "aggressive, aggressively, hostile, indignant, exasperated, frustrated, ticked off, pissed, "
        "pissed off, peeved, miffed, vexed, cantankerous, crabby, surly, sullen, sullenly, scowls, "
        "scowled, frowned, frowny, glare, glares, glowering, glower, snarling, snarl, snarls, growling, "
        "gritted teeth, gritting his teeth, gritting her teeth, with gritted teeth, clenched teeth, "
        "bared teeth, baring his teeth, yelling, shouting, furrowed brow, with a furrowed brow, "
        "furrowed brows, knitted brows, angry looking, hot under the collar, steaming mad, resentful, "
        "menacing, menacingly, threatening, ferocious, ferociously, fierce, fiercely, berserk, apoplectic, "
        "disgruntled, displeased, dissatisfied, bad mood, in a bad mood, in a foul mood, in a rage, "
        "up in arms, furrowing his brow, furrowing her brow, knitting his brows, foul tempered, bristling, "
        "riled, riled up, irked, irritation, annoyance, crotchety, curmudgeonly, scolding, "
        "blowing his top, losing his temper, losing her temper, infuriation, indignation, ornery, testy, "
        "piqued, hateful, rageful, wroth, frustration, glared, angry eyes, death stare, stink eye, "
        "evil eye, pissy, vengeful, cross looking"),
    (claim("surprised", quality=True), "surprise, astonishment"),
    (claim("surprised"),
        "surprised, astonished, amazed, amazement, shocked, shock, startled, stunned, astounded, "
        "flabbergasted, dumbfounded, gobsmacked, taken aback, aghast at, wide eyed, open mouthed, "
        "jaw dropping, jaw dropped, dropped jaw, slack jawed, agape, gaping, awestruck, awe struck, "
        "in awe, awe, thunderstruck, dumbstruck, speechless, incredulous, disbelief, in disbelief, "
        "bewildered, wonderstruck, gasping, mouth agape, with his mouth open in shock, stupefied, "
        "blown away, mind blown, surprising, caught off guard, staggered, in shock, in surprise, "
        "in amazement, in astonishment, with raised eyebrows, raised eyebrows, raising his eyebrows, "
        "raising her eyebrows, eyes wide open, wide open eyes, wonderment, pleasantly surprised, "
        "happily surprised, bug eyed, popeyed, goggle eyed, jolted, with wide eyes, wide eyes, "
        "jaw on the floor, starstruck, star struck, bowled over, shook, in wonder"),
    (claim("disgusted", quality=True), "disgust, revulsion"),
    (claim("disgusted"),
        "disgusted, revolted, repulsed, grossed out, nauseated, disgustedly, repelled, sickened, nauseous, "
        "queasy, appalled, loathing, repugnance, abhorrence, distaste, aversion, wrinkled nose, "
        "wrinkling her nose, wrinkling his nose, nose wrinkled, with a wrinkled nose, crinkled nose, "
        "curled lip, with a curled lip, curling his lip, curling her lip, retching, gagging, "
        "grimacing in disgust, in disgust, yuck, ick, put off, turning up his nose, turning up her nose, "
        "about to vomit, about to puke, smelling something bad, turned off by, detesting, abhorring"),
    (claim("fearful", quality=True), "fear, terror, fearfulness"),
    (claim("fearful"),
        "fearful, afraid, scared, frightened, terrified, anxious, nervous, worried, panicked, panicking, "
        "horrified, in terror, petrified, fearfully, scaredly, scary faced, in fear, fearing, fright, "
        "panic, in a panic, panicky, panic stricken, in horror, alarmed, apprehensive, uneasy, unease, "
        "anxiety, anxiously, nervously, worriedly, worry, worrying, concerned, trembling with fear, "
        "shaking with fear, shivering with fear, scared stiff, quaking, scared to death, "
        "scared out of his wits, scared out of her wits, frightened to death, jittery, terror stricken, "
        "terrorized, dread, dreading, cowering, cowardly, spooked, timid, timidly, aghast, "
        "like he has seen a ghost, like she has seen a ghost, as if he had seen a ghost, "
        "as if she had seen a ghost, like he's seen a ghost, like she's seen a ghost, tense, stressed, "
        "stressed out, on edge, distressed, in distress, troubled, intimidated, phobic, "
        "wide eyed with fear, wide eyed with terror, wide eyed in terror, eyes wide with fear, "
        "eyes wide with terror, white as a sheet, pale with fear, freaked out, freaking out, frantic, "
        "scaredy cat, fear stricken, afeared, tremulous, paranoid, shaken, rattled, threatened, edgy, "
        "scared look, terrified look, deer in the headlights, like a deer in headlights, "
        "like a deer in the headlights"),
    (claim(smile=s.SMILE, quality=True), "smile, smiles, smiling"),
    (claim(smile=s.SMILE),
        "smiley, smilingly, smiled, all smiles, with a smile on, says cheese, smiler, dimpled smile, "
        "smiling face, smizing"),
    (claim(smile=0.5), "smiling eyes, eyes smiling, smile in her eyes, smile in his eyes"),
    (claim(smile=0.85),
        "grinning, grin, grins, grinned, grinny, grinningly, toothy smile, showing teeth, "
        "showing his teeth, showing her teeth, showing some teeth, toothless grin, baring teeth in a grin, "
        "toothless smile, open mouthed smile, smile with teeth, smiling with teeth, with a toothy grin"),
    (claim(smile=s.STRONG),
        "beaming, grinning from ear to ear, smiling from ear to ear, cheshire cat smile, "
        "smiling ear to ear, grinning ear to ear, cheshire grin, cheshire cat grin, million dollar smile, "
        "hollywood smile, megawatt smile, grinning like a cheshire cat, grinning like an idiot, "
        "smile from ear to ear, grin from ear to ear, ear to ear grin, ear to ear smile, toothpaste smile, "
        "smiling like the sun, beaming smile, beaming with joy, beaming with pride"),
    (claim(smile=s.SLIGHT),
        "smile without showing teeth, smiling without showing teeth, smile without teeth, "
        "smiling without teeth, smile with no teeth, smile with no teeth showing, no teeth showing smile, "
        "half smile, half smiling, mona lisa smile, closed mouth smile, closed lip smile, "
        "tight lipped smile, tight smile, thin smile, thin lipped smile, polite smile, shy smile, "
        "coy smile, knowing smile, enigmatic smile, mysterious smile, quiet smile, small smile, "
        "smiling politely, smiling shyly, smiling coyly, smiling knowingly, "
        "smile that doesn't reach the eyes, weak smile, wan smile, smile that doesn't reach his eyes, "
        "smile that doesn't reach her eyes, smile that does not reach the eyes, "
        "smile that does not reach her eyes, smile that does not reach his eyes, "
        "smile that never reaches the eyes, tired smile, secret smile, smile not reaching the eyes, "
        "smile that never reaches her eyes, smile that never reaches his eyes, faint smile, "
        "ghost of a smile, shadow of a smile, suspicion of a smile, suppressed smile, suppressing a smile, "
        "trying not to smile, hiding a smile, fighting a smile, holding back a smile, stifling a smile, "
        "the beginnings of a smile, the beginning of a smile, restrained smile, closed lips smile, "
        "smiling with closed lips, smiling with his mouth closed, subdued smile, "
        "smiling with her mouth closed, smiling with closed mouth, sly smile, bashful smile, demure smile, "
        "modest smile, reserved smile, lopsided smile, crooked smile, uncertain smile, hesitant smile, "
        "reluctant smile, trace of a smile, corners of his mouth turned up, sort of smile, timid smile, "
        "corners of her mouth turned up, nervous smile, awkward smile, smiling awkwardly, smiling weakly, "
        "smiling slyly, smiling nervously, almost smiling, nearly smiling, half a smile, "
        "the mona lisa smile, embarrassed smile, smiling thinly, smiling wanly, smiling faintly, "
        "sardonic smile, ironic smile"),
    (claim(smile=0.3),
        "smirking, smirk, smirks, smirked, smirky, wry smile, forced smile, fake smile, false smile, "
        "phony smile, insincere smile, artificial smile, strained smile, fixed smile, plastic smile, "
        "pained grin, cold smile, icy smile, bitter smile, cruel smile, evil smile, sinister smile, "
        "wicked smile, smug smile, mocking smile, smiling wryly, smiling coldly, smiling bitterly, "
        "half hearted smile, unconvincing smile, not very convincing smile, smiling grimly, grim smile, "
        "forcing a smile, faking a smile, fake smiling, frozen smile, hollow smile, empty smile, smugly, "
        "wintry smile, stiff smile, rictus, sarcastic smile, condescending smile, pasted on smile, "
        "smiling smugly, smiling evilly, devilish smile, creepy smile, customer service smile"),
    (claim(smile=0.0),
        "unsmiling, smileless, smile less, straight mouthed, never smiles, never smiling, stop smiling, "
        "stopped smiling, stops smiling, not even a smile, smile free, lost his smile, lost her smile, "
        "lips pressed together, without so much as a smile, doesn't ever smile, smile turned off, "
        "no smiling, smile off, smile none, no trace of a smile, not a trace of a smile, "
        "not a hint of a smile, no hint of a smile, nothing to smile about, smile gone, smile faded, "
        "wiped the smile off, forgot to smile, forgot how to smile, forgotten how to smile, "
        "not a flicker of a smile, hasn't smiled, cannot smile, unable to smile, not amused, unamused, "
        "mouth closed no smile, lacking a smile, devoid of a smile, devoid of smile, zero smile, "
        "humorless, humourless, not laughing or smiling, smile is gone, his smile is gone, "
        "her smile is gone"),
]  # fmt: skip
