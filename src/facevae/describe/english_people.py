"""English words for people: kinship, stages of life, titles and trades, with their gender and age.

Plurals are made by `english.py`; the irregular ones stand here.
"""

from __future__ import annotations

from facevae.describe import senses as s
from facevae.describe.senses import Sense, claim, man, school, somebody, woman, years

PEOPLE: list[tuple[Sense, str]] = [
    (woman(s.GROWN),
        "woman, lady, gal, mother, mom, mum, mommy, mummy, wife, mrs, madam, businesswoman, housewife, "
        "mama, womanly, momma, ma'am, missus, housewives, new mother, stay at home mom, soccer mom, "
        "single mother, single mom, working mother, new mom, pregnant woman, mother to be, "
        "expectant mother, expecting mother, expecting mom, ex wife, first lady, cleaning lady, "
        "lunch lady, dinner lady, leading lady, cat lady, career woman, cleaning woman, "
        "lady of a certain age, woman of a certain age, femme fatale, lady of the house, godmother, "
        "stepmother, step mother, stepmom, foster mother, tomboyish woman, divorcee, spinster, widow, "
        "mother superior, girlboss, girl boss, working girl, soccer mum, lesbian, pin up girl, pinup girl, "
        "call girl, old maid, mother hen"),
    (woman(s.GROWN, plural=True), "women, ladies, wives"),
    (woman(),
        "oldest daughter, eldest daughter, youngest daughter, oldest sister, eldest sister, "
        "youngest sister, older daughter, younger daughter, elder daughter, middle daughter, older niece, "
        "daughter, sister, niece, aunt, auntie, aunty, girlfriend, bride, mademoiselle, sis, goddaughter, "
        "stepdaughter, stepsister, step sister, half sister, granddaughter, grand daughter, "
        "great granddaughter, sister in law, daughter in law, bridesmaid, big sister, little sister, "
        "older sister, elder sister, younger sister, baby sister, kid sister, twin sister, twin sisters, "
        "flower girl, cowgirl, tomboy, birthday girl, cover girl, miss, lassie, fiancée, fiancee, "
        "fraulein, signora, senorita, señorita, señora, senora, madame, hostess, birthday lady, old girl, "
        "e girl, it girl, gamer girl, cheerleader girl, homegirl, sorority girl, party girl, glamour girl, "
        "girl next door"),
    (woman(rank=s.ADJECTIVE), "female, womankind, womenfolk"),
    (man(s.GROWN),
        "man, guy, gentleman, dude, bloke, fellow, chap, father, dad, daddy, papa, husband, mr, "
        "businessman, mister, sir, new father, single father, single dad, stay at home dad, house husband, "
        "househusband, ex husband, widower, bachelor, godfather, stepfather, step father, stepdad, "
        "foster father, family man, dad to be, father to be, manly man, he man, macho man, sugar daddy, "
        "ladies' man, ladies man, working man, self made man, best man, man child, manchild, gent, "
        "gay man, man of the house, grown ass man, man about town, right hand man, fella, feller"),
    (man(s.GROWN, plural=True), "men, gentlemen, husbands"),
    (man(),
        "oldest son, eldest son, youngest son, oldest brother, eldest brother, youngest brother, "
        "older son, younger son, elder son, middle son, son, brother, nephew, uncle, boyfriend, groom, "
        "bridegroom, bro, godson, stepson, stepbrother, step brother, half brother, grandson, grand son, "
        "great grandson, brother in law, son in law, big brother, little brother, older brother, "
        "elder brother, younger brother, baby brother, kid brother, twin brother, twin brothers, "
        "bridesman, groomsman, fiancé, fiance, birthday boy, monsieur, señor, senor, herr, frat boy, "
        "playboy, pretty boy, bad boy, homeboy, party boy, boy next door, good old boy, e boy, "
        "delivery boy, buddy bro, bros"),
    (man(rank=s.ADJECTIVE), "male, menfolk"),
    (woman(s.GROWN), "mother in law, mom in law, mum in law"),
    (man(s.GROWN), "father in law, dad in law"),
    (woman(s.GIRL),
        "girl, little girl, small girl, schoolgirl, school girl, lass, girl child, girl scout, girlie, "
        "pigtailed girl, small girls"),
    (woman(s.GIRL, plural=True), "little girls"),
    (man(s.BOY),
        "boy, little boy, small boy, schoolboy, school boy, boy scout, altar boy, choir boy, choirboy, "
        "shepherd boy, boy child, laddie, paperboy, paper boy"),
    (man(s.BOY, plural=True), "little boys"),
    (man(s.LAD), "lad, young lad"),
    (woman(s.YOUNG),
        "maiden, damsel, chick, hippie chick, bachelorette, debutante, ingenue, ingénue, starlet, co ed, "
        "coed, babe, teenybopper girl, yummy mummy, bimbo, beauty queen, prom queen, homecoming queen, "
        "fair maiden"),
    (man(s.YOUNG), "himbo, prom king"),
    (woman(s.STUDENT), "college girl, university girl, college woman, sorority sister, college gal"),
    (man(s.STUDENT), "college boy, college guy, college man, university boy, fraternity brother, frat bro"),
    (somebody(s.STUDENT),
        "college student, university student, undergraduate, undergrad, college kid, uni student, "
        "college age, college aged, university age, collegian, college junior, college senior"),
    (somebody(years(18, 19, 3)), "freshman, fresher, college freshman"),
    (somebody(years(19, 20, 3)), "sophomore, college sophomore"),
    (somebody(years(22, 30, 10)), "grad student, graduate student, phd student, postgraduate, postgrad"),
    (woman(s.HIGH_SCHOOL), "high school girl, highschool girl, high schooler girl"),
    (man(s.HIGH_SCHOOL), "high school boy, highschool boy"),
    (somebody(s.HIGH_SCHOOL),
        "high schooler, high school student, highschooler, high school senior, high school kid, "
        "high school junior, high school freshman, high school sophomore, sixth former"),
    (somebody(s.MIDDLE_SCHOOL),
        "middle schooler, middle school student, junior high student, middle school kid, "
        "junior high schooler"),
    (somebody(s.PUPIL),
        "primary schooler, elementary schooler, elementary school student, primary school pupil, "
        "grade schooler, schoolchild, school child, schoolkid, school kid, schoolchildren, "
        "school aged child, elementary school kid, school age child, school age kid, school age"),
    (somebody(years(5, 6)),
        "kindergartner, in kindergarten, kindergartener, kindergarten kid, kindergarten child"),
    (somebody(years(6, 7)), "first grader, first grade, 1 st grader, 1 st grade, in first grade"),
    (somebody(years(7, 8)), "second grader, second grade, 2 nd grader, 2 nd grade, in second grade"),
    (somebody(years(8, 9)), "third grader, third grade, 3 rd grader, 3 rd grade, in third grade"),
    (somebody(years(9, 10)), "fourth grader, fourth grade, 4 th grader, 4 th grade, in fourth grade"),
    (somebody(years(10, 11)), "fifth grader, fifth grade, 5 th grader, 5 th grade, in fifth grade"),
    (somebody(years(11, 12)), "sixth grader, sixth grade, 6 th grader, 6 th grade, in sixth grade"),
    (somebody(years(12, 13)), "seventh grader, seventh grade, 7 th grader, 7 th grade, in seventh grade"),
    (somebody(years(13, 14)), "eighth grader, eighth grade, 8 th grader, 8 th grade, in eighth grade"),
    (somebody(years(14, 15)), "ninth grader, ninth grade, 9 th grader, 9 th grade, in ninth grade"),
    (somebody(years(15, 16)), "tenth grader, tenth grade, 10 th grader, 10 th grade, in tenth grade"),
    (woman(s.GRANDPARENT),
        "grandmother, grandma, granny, gran, nana, nanna, old granny, grandmom, grandmum, nan, gramma, "
        "babushka, abuela, grandmama, grannie, grandmothers, oma, bubbe, yiayia, nonna, meemaw, memaw"),
    (man(s.GRANDPARENT),
        "grandfather, grandpa, granddad, grandad, gramps, grandpapa, granddaddy, grandpop, abuelo, opa, "
        "grampa, nonno, gramp, granpa"),
    (woman(s.GREAT_GRANDPARENT),
        "great grandmother, great grandma, great granny, great gran, great great grandmother"),
    (man(s.GREAT_GRANDPARENT),
        "great grandfather, great grandpa, great granddad, great grandad, great great grandfather"),
    (somebody(s.GRANDPARENT), "grandparent"),
    (somebody(s.NEWBORN), "newborn, new born baby, newborn baby, neonate, new born infant, newborn infant"),
    (somebody(s.BABY),
        "baby, infant, bambino, suckling, babe in arms, nursling, bub, bubba, baby child, breastfed baby"),
    (somebody(s.BABY, plural=True), "babies"),
    (somebody(s.TODDLER), "toddler, tot, tiny tot, little tot, toddling child, rug rat, rugrat, wee one"),
    (somebody(s.PRESCHOOLER),
        "preschooler, pre schooler, small child, little child, little kid, small kid, young child, "
        "very young child, young kid, little one, pre school child, preschool child, preschool kid, "
        "nursery school child, preschool age, nursery child, small children, young children, wee child"),
    (somebody(s.CHILD),
        "child, kid, kiddo, kiddie, youngling, youngin, urchin, brat, munchkin, moppet, bairn"),
    (somebody(s.CHILD, plural=True), "children"),
    (somebody(s.TWEEN), "tween, tweenager, preteen, pre teen, tweenie, preadolescent"),
    (somebody(s.MINOR), "minor, underage person, underage kid"),
    (somebody(s.TEEN),
        "teenager, teen, adolescent, high school teen, teenybopper, teener, juvenile, teenaged person, "
        "young teen, young teenager"),
    (somebody(years(16, 19)), "older teen, older teenager"),
    (somebody(s.YOUNG), "youth, youngster, young adult, young 'un, whippersnapper, yuppie, young adults"),
    (somebody(s.ADULT), "adult, grown up, grownup, grown ups, grownups"),
    (somebody(s.OLD),
        "senior, pensioner, senior citizen, retiree, old folk, old timer, oldster, oldie, golden ager, "
        "elder, old age pensioner, oap, oldtimer, methuselah, old fogey, old coot, coot, fogey, dotard, "
        "graybeard, old geezers, old aged person, care home resident, wrinkly"),
    (somebody(s.OLD, plural=True), "the elderly"),
    (man(s.OLD),
        "geezer, codger, old codger, greybeard, patriarch, grandsire, old father time, father time, "
        "santa claus, santa, father christmas, duffer, old duffer, old fart"),
    (woman(s.OLD),
        "crone, hag, matriarch, dowager, old biddy, biddy, beldam, little old lady, queen mother, "
        "blue haired old lady, church lady, golden girl, old bat, battleaxe, old bag, dowager duchess, "
        "dowager queen"),
    (woman(s.MATURE), "milf, cougar, housewife of forty, older mom"),
    (man(s.MATURE), "dilf"),
    (man(s.LATER_LIFE), "silver fox, salt and pepper haired man, elder statesman"),
    (woman(s.GROWN),
        "queen, duchess, countess, baroness, empress, czarina, tsarina, marchioness, viscountess, "
        "noblewoman, dame, abbess, nun, priestess, sorceress, witch, enchantress, goddess, waitress, "
        "stewardess, actress, seamstress, governess, ballerina, barmaid, heiress, mistress, landlady, "
        "chambermaid, housemaid, milkmaid, nursemaid, huntress, poetess, authoress, murderess, songstress, "
        "villainess, heroine, diva, prima donna, showgirl, geisha, usherette, headmistress, "
        "schoolmistress, proprietress, air hostess, flight hostess, charwoman, washerwoman, prostitute, "
        "harlot, courtesan, concubine, vixen, valkyrie, temptress, seductress, succubus, mother goddess, "
        "drama queen, soubrette, sculptress, comedienne, chanteuse, masseuse, danseuse, majorette, "
        "postmistress, adulteress, shepherdess, giantess, editress, directress, benefactress, "
        "ambassadress, mayoress, peeress, sultana, maharani, rani, begum, infanta, vestal virgin, "
        "bond girl, ice queen, snow queen, evil queen, warrior queen, elf queen, high priestess, "
        "trad wife, tradwife, wet nurse, hooker, soprano, mezzo soprano, policewoman, tea lady, bag lady, "
        "bride to be, fortune teller woman, queen bee, medusa, cleopatra, mona lisa, madonna, virgin mary, "
        "frau, signorina, doña, donna, duenna, mother nature, she devil, she wolf"),
    (woman(s.PRINCE), "princess, fairy princess, elf princess, warrior princess"),
    (woman(),
        "mermaid, fairy queen, nymph, dryad, ballet girl, maid of honor, maid of honour, tooth fairy, "
        "miss universe, miss world, elf girl, cat girl, anime girl, waifu, magical girl, meter maid, "
        "goth girl, emo girl, debutantes, girl guide, ballet dancer girl"),
    (man(s.GROWN),
        "king, duke, count dracula, baron, emperor, czar, tsar, kaiser, nobleman, earl, viscount, "
        "marquess, marquis, sultan, shah, maharaja, raja, caliph, emir, sheikh, sheik, monk, friar, abbot, "
        "pope, godfathers, masseur, gigolo, casanova, don juan, romeo, caballero, castrato, eunuch, "
        "page boy, stable boy, stableboy, cabin boy, houseboy, ball boy, john doe, average joe, "
        "metrosexual man, patriarchs, bull fighter, wise man, madman, elf king, dwarf king, "
        "king of the dwarves, hunk, dandy, gentleman farmer, lothario, superman, batman, spiderman, "
        "iron man, lumbersexual, neckbeard, signor, sultans, merman, incubus, dalai lama, jesus, "
        "jesus christ, buddha, moses, zeus, thor, odin, dracula, james bond, sherlock holmes, "
        "harry potter, napoleon, wizard king, duke of wellington, prince charming, drill sergeant, "
        "sugar daddies, abbé"),
    (man(s.PRINCE), "prince, crown prince, elf prince, boy king"),
    (woman(s.GROWN, rank=s.TRADE), "nanny, midwife, suffragette, ms, maid, matron, siren, parlourmaid"),
    (man(s.GROWN, rank=s.TRADE),
        "priest, high priest, bishop, archbishop, cardinal, rabbi, imam, mullah, lama, knight, samurai, "
        "viking, gladiator, lumberjack, blacksmith, butler, valet, footman, cowboy, pharaoh, steward, "
        "waiter, landlord, headmaster, schoolmaster, bellboy, bellhop, busboy, mafioso, matador, toreador, "
        "wizard, warlock, sorcerer, tenor, baritone, lord, alpha male, squire, policemen, firemen"),
]  # fmt: skip

AGES: list[tuple[Sense, str]] = [
    (school(s.HIGH_SCHOOL), "high school, highschool, in high school"),
    (school(s.MIDDLE_SCHOOL), "middle school, junior high, in middle school, in junior high"),
    (school(s.PUPIL),
        "primary school, elementary school, grade school, in primary school, in elementary school"),
    (school(s.STUDENT), "in college, at college, at university, college, university, collegiate"),
    (school(s.PRESCHOOLER), "kindergarten, preschool, nursery school"),
    (somebody(years(40, 49)), "quadragenarian"),
    (somebody(years(50, 59)), "quinquagenarian"),
    (somebody(years(60, 69)), "sexagenarian"),
    (somebody(years(70, 79)), "septuagenarian"),
    (somebody(years(80, 89)), "octogenarian"),
    (somebody(years(90, 99)), "nonagenarian"),
    (somebody(years(100, 100)), "centenarian, supercentenarian"),
    (somebody(years(30, 39)), "tricenarian"),
    (somebody(years(20, 29)), "vicenarian"),
    (claim(stage=years(30, 45, 3)), "millennial, gen y, generation y, millenial"),
    (claim(stage=years(14, 29, 3)), "gen z, generation z, zoomer, gen zer, genz"),
    (claim(stage=years(46, 61, 3)), "gen x, generation x, gen xer, genx"),
    (claim(stage=years(62, 80, 3)), "boomer, baby boomer, boomer generation"),
    (claim(stage=years(2, 13, 2)), "gen alpha, generation alpha"),
    (claim(stage=s.CHILD), "prepubertal, preadolescent age"),
    (claim(stage=years(8, 13, 2)), "prepubescent"),
    (claim(stage=years(11, 15, 2)), "pubescent, pubertal"),
    (claim(stage=s.TEEN), "teenage, teenaged, in puberty, in adolescence, teeny"),
    (claim(stage=s.MINOR), "underage, under age, under aged"),
    (claim(stage=s.OF_AGE),
        "old enough to vote, old enough to drink, old enough to drive, of legal age, of age now, "
        "old enough to marry, old enough to know better, legal age, of voting age, of drinking age, "
        "old enough to be a mother, old enough to be a father"),
    (claim(stage=s.NEWBORN), "new born, newly born, just born, freshly born"),
    (claim(stage=s.YOUNG),
        "young, youthful, younger, youngish, in the bloom of youth, in the flower of youth, in his youth, "
        "in her youth, young looking, youthful looking, in their youth, young faced, "
        "in the prime of youth, in the first flush of youth, in the springtime of life, youngest, nubile"),
    (claim(stage=s.VERY_YOUNG), "barely legal, barely of age, barely an adult, barely adult"),
    (claim(stage=s.ADULT), "grown, full grown, fully grown, adulthood"),
    (claim(stage=s.MATURE), "mature, matured, matronly"),
    (claim(stage=s.MIDDLE_AGED),
        "middle aged, middle age, midlife, mid life, middle ager, in middle age, in midlife, "
        "having a midlife crisis, in the middle of life, menopausal, of middle age, middleaged"),
    (claim(stage=s.OLDER),
        "older, aging, ageing, oldish, getting old, getting on in years, no spring chicken, "
        "not a spring chicken, past his prime, past her prime, past their prime, not getting any younger, "
        "grizzled, long in the tooth, over the hill, late middle aged, not as young as he used to be, "
        "not as young as she used to be"),
    (claim(stage=s.OLD),
        "old, elderly, aged, geriatric, old age, little old, venerable, in old age, in his old age, "
        "in her old age, advanced in years, senile, in the autumn of life, wizened, of advanced age, "
        "in his golden years, in her golden years, golden years, advanced age, up in years, "
        "in the twilight of life, in the twilight years, in his twilight years, in her twilight years, "
        "doddering, old looking, stricken in years, senescent, decrepit, hoary, old and grey, "
        "old and gray, in their golden years, in the winter of life, one foot in the grave, "
        "with one foot in the grave, grand old, in the evening of life, of great age"),
    (claim(stage=s.VERY_OLD), "ancient, old as the hills, as old as the hills, oldest, very aged, age old"),
    (claim(stage=s.RETIRED),
        "of pensionable age, pension age, of pension age, retired, in retirement, of retirement age, "
        "retirement age, at retirement age"),
]  # fmt: skip
