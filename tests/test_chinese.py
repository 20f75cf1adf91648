"""The Chinese prose: one term, one word (docs/words/glossary.toml), and what our rules for Chinese can be held by a program."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.source import glossary, ledger
from book.source.glossary import Term

ROOT = HERE.root

# What a program can see of a style, each with the reason. A pattern reads prose: no code, formula, address or （English）.
STYLE = {
    r"断言(守住|说的是|写出|证实|说明|表明|验证|检验|检查)": "three verbs: 断言保证 (a promise), 断言核对 (computed a second way), 断言比较 (with another library)",
    r"没有任何提示|没有任何警告|一声不响|不声不响|悄悄|谁也不会说什么|毫无怨言": "the same warning in the same words: 不报错，也没有警告",
    r"问一声|抱怨|掐表|代劳|荡然无存|四分五裂|说到做到|近亲|亲戚|孪生": "a written register; a program reports, refuses and requires",
    r"(?<!每)(大|长|多|高|快|强)了? ?(?!一倍)[\d,一二三四五六七八九十百千]+ ?倍": "大了十倍 is eleven times as large: 「是……的十倍」 or 「变为原来的十倍」",
    r"\d%": "a space before the sign, as in the English: 68 %",
    r"\d \d{3}(?!\d)": "thousands with a comma: 65,504",
    r"(?<=[一-鿿]) “|” (?=[一-鿿])": "no spaces around Chinese quotation marks",
    r"笔记本(?!电脑)": "a notebook; 笔记本 is a laptop",
    r"这一页|上一页|下一页": "本章 for a chapter, 本页 for a web page",
}

# Places that break a rule today: page and word, how often. The list may only shrink; a place with a good reason says it.
KNOWN: dict[tuple[str, str], int] = {
    ("docs/zh/components/losses.md", "头部"): 1,  # the head of a crash-test dummy
    ("docs/zh/tensors/creation.md", "头部"): 1,  # the header of a file
}


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a page that are Chinese prose, numbered: descriptions of figures too; without code, formulas, addresses, （English）."""
    fence = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fence = not fence
            alt = re.search(r'alt="([^"]*)"', line)
            if alt:
                yield number, alt[1]
        elif not fence and not line.lstrip().startswith("--8<--"):
            line = re.sub(r"`[^`]*`|\$[^$]*\$|\{#[^}]*\}|<[^>]*>", "`", line)
            line = re.sub(r"\]\([^)]*\)", "]", line)
            yield number, re.sub(r"（[A-Za-z][^（）一-鿿]*）", "", line)


def rules(terms: list[Term]) -> dict[str, str]:
    """Every pattern that prose must not match, with its reason; a Latin word counts where it stands alone."""
    found = dict(STYLE)
    for term in terms:
        for word in term.never:
            latin = re.fullmatch(r"[\w-]+", word, re.ASCII)
            pattern = rf"(?<![A-Za-z_\-]){word}(?![A-Za-z_\-])" if latin else word
            found[pattern] = f"{term.en} is {term.zh}"
    return found


def offences(where: str, text: str, terms: list[Term]) -> list[tuple[str, int, str, str]]:
    """Where prose breaks a rule: the file, the line, the words, the reason."""
    patterns = [(re.compile(pattern), reason) for pattern, reason in rules(terms).items()]
    return [
        (where, number, match[0], reason)
        for number, line in prose(text)
        for pattern, reason in patterns
        for match in pattern.finditer(line)
    ]


def texts() -> dict[str, str]:
    """Everything that a Chinese reader reads and that somebody has written: chapters, the two files of the project, the ledger's words."""
    files = {f"docs/zh/{name}.md": HERE.page("zh", name) for name in HERE.pages("zh")}
    files |= {name: ROOT / name for name in ("README.zh.md", "CONTRIBUTING.zh.md")}
    read = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    read["tests/ledger.toml"] = "\n".join(f"{e.reason_zh} {e.mend_zh}" for e in ledger.load(HERE).entries)
    return read


@pytest.fixture(scope="module")
def terms() -> list[Term]:
    return glossary.load(HERE)


def test_the_prose_keeps_the_rules(terms: list[Term]) -> None:
    found = [offence for name, text in texts().items() for offence in offences(name, text, terms)]
    counts = Counter((where, word) for where, _, word, _ in found)
    told = [
        f"{where}:{line}: {word}: {reason}"
        for where, line, word, reason in found
        if counts[where, word] > KNOWN.get((where, word), 0)
    ]
    assert not told, "\n".join(told)
    gone = [f"{place}: {known} known, {counts[place]} there" for place, known in KNOWN.items() if counts[place] < known]
    assert not gone, "mended, so take it off the list of known places:\n" + "\n".join(gone)


# One sentence for each rule, broken on purpose, and its mended twin.
BROKEN = [
    ("断言守住了这个界限。", "断言保证了这个界限。"),
    ("结果错了，却没有任何提示。", "结果错了，不报错，也没有警告。"),
    ("所以要先问一声。", "所以要先判断有没有加速器。"),
    ("步长大了 1,000 倍。", "步长变为原来的 1,000 倍。"),
    ("准确率是 68%。", "准确率是 68 %。"),
    ("最大只到 65 504。", "最大只到 65,504。"),
    ("差评里也有 “loved” 和“better”。", "差评里也有“loved”和“better”。"),
    ("用笔记本运行。", "用 notebook 运行，在笔记本电脑上也行。"),
    ("下一页讲层。", "下一章讲层。"),
    ("模块把层登记下来。", "模块把层注册下来。"),
    ("每个 token 有一个编号。", "每个词元（token）有一个编号，代码里叫 `token`。"),
    ("assert 保证了这一点。", "断言保证了这一点。"),
    ("价格的移动平均。", "价格的滑动平均。"),
    ("Python 向 GPU 下单。", "Python 把任务提交到队列。"),
]


@pytest.mark.parametrize(("broken", "mended"), BROKEN)
def test_a_broken_rule_is_noticed(broken: str, mended: str, terms: list[Term]) -> None:
    page = "---\ntitle: 标题\n---\n\n# 标题 {{#token}}\n\n{}\n\n```python\nassert token  # 68%\n```\n"
    assert {offence[:2] for offence in offences("a.md", page.format(broken), terms)} == {("a.md", 7)}
    assert offences("a.md", page.format(mended), terms) == []


def test_what_is_no_prose_is_free(terms: list[Term]) -> None:
    free = "`token` $65 504$ [链接](query.md#key) {#one-hot} 词元（token）"
    assert offences("a.md", f"{free}\n\n```python\nquery = 68  # 登记 5%\n```\n", terms) == []
    figure = '```python alt="每个 token 一格。"\n--8<-- "part/token.py:key"\n```'
    assert [offence[2] for offence in offences("a.md", figure, terms)] == ["token"]


# ---- the glossary ----------------------------------------------------------------------------------------------------


def test_one_term_one_word(terms: list[Term]) -> None:
    english = Counter(term.en for term in terms)
    assert [en for en, times in english.items() if times > 1] == []
    chosen = {term.zh for term in terms}
    assert {word for term in terms for word in term.never} & chosen == set(), "a word is both chosen and forbidden"
    assert all(term.zh in term.first for term in terms if term.first)


def test_the_segmenter_gets_words_of_two_characters_or_more() -> None:
    terms = [Term("batch", "批"), Term("learning rate", "学习率"), Term("rank", "rank"), Term("CUDA graph", "CUDA 图")]
    assert glossary.words(terms) == ["学习率"]
    assert {"学习率", "反向传播", "锁页内存"} <= set(glossary.words(glossary.load(HERE)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[core]\ntensor = 张量\n", "not valid TOML"),
        ('tensor = "张量"\n', '"tensor" stands outside a table'),
        ("[core]\ntensor = { first = '张量' }\n", '[core] "tensor": write { zh = "…" }'),
        ("[core]\ntensor = { zh = '' }\n", '[core] "tensor": write { zh = "…" }'),
        ("[core]\ntensor = { zh = '张量', nevr = ['x'] }\n", 'unknown key "nevr"; keys are first, never, zh'),
        ("[core]\ntensor = { zh = '张量', never = 'x' }\n", '"never" must be a list of words'),
    ],
)
def test_a_bad_glossary_says_where(text: str, told: str, tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.glossary.parent.mkdir(parents=True)
    tree.glossary.write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=re.escape(told)) as caught:
        glossary.load(tree)
    assert str(caught.value).startswith("docs/words/glossary.toml: ")


def test_a_missing_glossary_is_told(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"docs/words/glossary\.toml: missing"):
        glossary.load(Tree(tmp_path))


# ---- the page of words -------------------------------------------------------------------------------------------------

WORDS = "start/machine_learning_words"
BRACKETS = {
    "en": r"\*\*([^*]+)\*\*(?:, ([A-Z]+))? \(([一-鿿]+)\)",
    "zh": r"\*\*([^*]+)\*\*（([a-z][a-z -]*)(?:，([A-Z]+))?）",
}


def words_of(lang: str, text: str) -> set[tuple[str, str]]:
    """The pairs of an English and a Chinese term that a page of words gives in bold and in brackets."""
    found = re.findall(BRACKETS[lang], text)
    if lang == "en":
        return {(en.lower(), zh) for en, _, zh in found}
    return {(en, zh) for zh, en, _ in found}


def test_the_page_of_words_says_what_the_glossary_says(terms: list[Term]) -> None:
    pairs = {lang: words_of(lang, HERE.page(lang, WORDS).read_text(encoding="utf-8")) for lang in ("en", "zh")}
    assert len(pairs["en"]) > 60
    english_in_both = {("logits", "未归一化得分")}
    assert pairs["en"] - english_in_both == pairs["zh"], pairs["en"] ^ pairs["zh"]
    chosen = {(re.sub(r" \(of a model\)", "", term.en), term.zh) for term in terms}
    chosen |= {("generative adversarial network", term.zh) for term in terms if term.en == "GAN"}
    assert pairs["zh"] - chosen == set()
