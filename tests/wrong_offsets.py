"""Texts in several scripts, and what commonly goes wrong with the offsets of their spans."""

import unicodedata

TEXTS = {
    "English": (
        ["Then {} ordered lamb again.", "In May, {} saw it rain (really) all day.", "So {} ran."],
        ["Ada", "Bo Smith", "Cyril"],
    ),
    "German": (
        [
            "Für {} ging es über Köln weiter.",
            "Schön, dass {} übrigens da ist.",
            "Grüße an {} noch",
        ],
        ["Jörg", "Bo Müller", "Käthe"],
    ),
    "emoji": (
        ["🎉 Then {} ordered lamb.", "In May, 🎉🎉 {} saw it rain all day.", "🎉🎉🎉 So {} ran."],
        ["Ada", "Bo Smith", "Cyril"],
    ),
    "Arabic": (
        ["ذهب الرجل إلى {} أمس مع أخيه.", "كانت مدينة {} جميلة جدا.", "رأيت {} اليوم كله."],
        ["القاهرة", "بغداد", "دمشق"],
    ),
    "Korean": (
        ["나는 어제 {}에서 친구를 만났다.", "{}의 날씨가 정말 좋다.", "우리는 {}까지 함께 걸었다."],
        ["서울", "부산", "대구"],
    ),
    "Japanese": (
        ["昨日、{}で会議がありました。", "私は{}に住んでいます。", "{}の天気はとても良いです。"],
        ["東京都庁", "大阪府", "京都"],
    ),
    "Chinese": (
        ["我昨天在{}见到了他。", "{}的天气很好，我们去吧。", "他们从{}坐火车回来了。"],
        ["北京", "上海市", "广州"],
    ),
}


def right_rows(language, n=60):
    """[(text, [(start, end)])], as it should be."""
    templates, names = TEXTS[language]
    rows = []
    for i in range(n):
        template, name = templates[i % len(templates)], names[i * 7 % len(names)]
        start = template.index("{}")
        # No two texts are equal, so that the rows of a table stay apart.
        rows.append((f"{template.format(name)} {i}", [(start, start + len(name))]))
    return rows


def shift(start, end):
    return lambda rows: [(text, [(s + start, e + end) for s, e in places]) for text, places in rows]


def count_by(size):
    """Each offset is what `size` says of the text before it."""
    return lambda rows: [
        (text, [(size(text[:start]), size(text[:end])) for start, end in places])
        for text, places in rows
    ]


def in_documents(rows):
    """Five texts are a document, in which offsets are counted."""
    found, begin = [], 0
    for i, (text, places) in enumerate(rows):
        begin = 0 if i % 5 == 0 else begin
        found.append((text, [(start + begin, end + begin) for start, end in places]))
        begin += len(text) + 1
    return found


def cut_off(rows):
    """Texts of three sentences, a span in each, of which 40 characters are left."""
    found = []
    for i in range(0, len(rows) - 2, 3):
        text, places = "", []
        for sentence, spans in rows[i : i + 3] if i % 2 else rows[i : i + 1]:
            places += [(start + len(text), end + len(text)) for start, end in spans]
            text += sentence + " "
        found.append((text[:40], places))
    return found


def line_ends(rows):
    """The texts have one character for a line end, the offsets count two."""
    found = []
    for i, (text, places) in enumerate(rows):
        n = i // 3 % 4 + 1  # before the text
        found.append(("\n" * n + text, [(start + 2 * n, end + 2 * n) for start, end in places]))
    return found


def one_for_a_line_end(rows):
    """The other way round."""
    found = []
    for i, (text, places) in enumerate(rows):
        n = i // 3 % 4 + 1  # before the text
        spans = [(start + n, end + n) for start, end in places]
        found.append(("\r\n" * n + text, spans))
    return found


def decomposed(text):
    return unicodedata.normalize("NFD", text)


# What goes wrong, and how it is told. A fault that cannot be told from good offsets in a script, or
# does not change them, has no words for it.
FAULTS = {
    "from 1": (shift(1, 1), "subtract 1 from their starts and ends"),
    "from 1, end inclusive": (shift(1, 0), "subtract 1 from their starts:"),
    "end inclusive": (shift(0, -1), "add 1 to their ends"),
    "end too far": (shift(0, 1), "subtract 1 from their ends"),
    "from -1": (shift(-1, -1), "add 1 to their starts and ends"),
    "bytes": (count_by(lambda text: len(text.encode())), "seem to count UTF-8 bytes"),
    "UTF-16": (
        count_by(lambda text: len(text.encode("utf-16-le")) // 2),
        "seem to count UTF-16 units",
    ),
    "documents": (in_documents, "counted from the start of a longer text"),
    "words": (count_by(lambda text: len(text.split())), "seem to count words"),
    "lengths": (
        lambda rows: [(text, [(s, e - s) for s, e in places]) for text, places in rows],
        "ends seem to be lengths",
    ),
    "swapped": (
        lambda rows: [(text, [(e, s) for s, e in places]) for text, places in rows],
        "starts and ends seem to be swapped",
    ),
    "cut off": (cut_off, "texts seem to be cut off"),
    "line ends": (line_ends, r"seem to count characters with \r\n for each line end"),
    "a line end is one": (
        one_for_a_line_end,
        r"seem to count characters with \n for each line end",
    ),
    "decomposed": (
        count_by(lambda text: len(decomposed(text))),
        "seem to count characters of the decomposed text (NFD)",
    ),
    "composed": (
        lambda rows: [(decomposed(text), places) for text, places in rows],
        "seem to count characters of the composed text (NFC)",
    ),
}
