"""book.prove.compare"""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from book.prove import compare
from book.prove.compare import Tolerance, outputs, picture, raster, text

EQUAL = [
    ("tensor([1.0000, 2.0000])", "tensor([1.0005, 2.0000])"),
    ("loss 0.5", "loss  0.5004"),
    ("1e-8", "2e-6"),
    ("nan inf -inf", "nan inf -inf"),
    ("1.0+2.0j", "1.0001+2.0j"),
    ("a\n", "a"),
    ("x1.5y 3", "x1.5y 3"),
    ("[-0.0]", "[0.0]"),
    # One unit of the last of three digits or more, one of them behind the dot: that is rounding.
    ("0.953", "0.954"),
    ("12.4", "12.3"),
    ("0.00123", "0.00124"),
    ("0.0500", "0.0501"),
    ("-1.23e-04", "-1.24e-04"),
    ("1.23j", "1.24j"),
    ("1.01%", "1.02%"),
    # A number ends where its digits end.
    ("3.0000s", "3.0004s"),
    ("95.19it/s", "95.20it/s"),
    ("1.31ms, 2.00x", "1.311ms, 2.001x"),
    ("1.5e-05s", "1.5001e-05s"),
    ("1_000.0", "1_000.5"),
    ("0x1f", "0x1F"),
]
DIFFERENT = [
    ("tensor([1.00])", "tensor([1.02])", "number 1 differs: 1.00 is now 1.02"),
    ("shape (3, 2)", "shape (2, 3)", "number 1 differs: 3 is now 2"),
    ("12345678901234567890", "12345678901234567891", "number 1 differs"),
    ("1", "1.0", "one is an integer"),
    ("nan", "1.0", "nan is now 1.0"),
    ("inf", "-inf", "inf is now -inf"),
    ("1.0", "inf", "1.0 is now inf"),
    ("1.0", "-1.0", "1.0 is now -1.0"),
    ("1 2", "1", "one text ends where the other has the number 2"),
    ("1", "1 2", "one text ends where the other has the number 2"),
    ("float32", "float64", "text differs"),
    ("cat", "dog", "text differs: 'cat' is now 'dog'"),
    ("1 cat", "1 dog", "text differs"),
    ("a\nb", "a b", "text differs"),
    ("x1.5y 3", "x1.6y 3", "text differs"),
    ("", "words", "text differs"),
    ("step 1e3", "step 1e4", "number 1 differs"),
    ("version 1.2.3", "version 1.2.4", "differs"),
    ("0.953", "0.955", "number 1 differs: 0.953 is now 0.955"),
    ("1.", "2.", "1. is now 2."),
    ("0.", "1.", "0. is now 1."),
    ("0.5", "0.6", "0.5 is now 0.6"),
    ("0.95", "0.96", "0.95 is now 0.96"),
    ("0.05", "0.06", "0.05 is now 0.06"),
    ("0.0012", "0.0013", "0.0012 is now 0.0013"),
    ("100.", "101.", "100. is now 101."),
    ("100", "101", "100 is now 101"),
    ("1.0e-05", "1.2e-04", "1.0e-05 is now 1.2e-04"),
    ("1.23e-04", "1.24e-03", "1.23e-04 is now 1.24e-03"),
    ("0.953", "0.9549", "0.953 is now 0.9549"),
    ("9.99", "-9.99", "9.99 is now -9.99"),
    ("3s", "4s", "number 1 differs: 3 is now 4"),
    ("3.0s", "3.1s", "number 1 differs: 3.0 is now 3.1"),
    ("2.0x", "2.0y", "text differs: 'x' is now 'y'"),
    ("1_000", "1_001", "number 1 differs: 1_000 is now 1_001"),
    ("0x1f", "0x2f", "number 1 differs: 0x1f is now 0x2f"),
    ("0x1e", "0x1f", "number 1 differs: 0x1e is now 0x1f"),
    ("12345e1ab", "12346e1ab", "number 1 differs: 12345 is now 12346"),
    ("conv2d cuda:0", "conv3d cuda:0", "text differs"),
    ("x1 a_2", "x1 a_3", "text differs"),
]


@pytest.mark.parametrize(("expected", "got"), EQUAL)
def test_equal_texts(expected: str, got: str) -> None:
    assert text(expected, got) is None
    assert text(got, expected) is None


@pytest.mark.parametrize(("expected", "got", "why"), DIFFERENT)
def test_different_texts(expected: str, got: str, why: str) -> None:
    assert why in (text(expected, got) or "equal")


def test_tolerance_is_relative_and_absolute() -> None:
    assert text("100.0", "109.0", Tolerance(rtol=0.1, atol=0)) is None
    assert text("100.0", "111.0", Tolerance(rtol=0.1, atol=0))
    assert text("0.0", "0.09", Tolerance(rtol=0, atol=0.1)) is None
    assert text("3", "4", Tolerance(rtol=1, atol=1)), "integers are never loose"


def test_volatile_lets_numbers_differ_but_not_words_or_their_count() -> None:
    volatile = Tolerance(volatile=True)
    assert text("took 3 s", "took 4.5 s", volatile) is None
    assert text("took 3 s", "takes 3 s", volatile)
    assert text("took 3 s", "took 3 4 s", volatile)


@pytest.mark.parametrize("name", ["float32", "conv2d", "x1", "a_2", "cuda", "e10", "info", "nano"])
def test_a_number_does_not_begin_inside_a_name(name: str) -> None:
    assert compare.NUMBER.findall(name) == []


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("3.0s 2.0x 1.31ms 95.19it/s", ["3.0", "2.0", "1.31", "95.19"]),
        ("0x1f 0x7f3a12c0 1_000 -5", ["0x1f", "0x7f3a12c0", "1_000", "-5"]),
        ("1.5e-05s, 3j, 2joules, 1e5", ["1.5e-05", "3j", "2", "1e5"]),
        ("cuda:0 3D nan -inf", ["0", "3", "nan", "-inf"]),
    ],
)
def test_a_number_ends_where_its_digits_end(said: str, numbers: list[str]) -> None:
    assert [match["number"] for match in compare.NUMBER.finditer(said)] == numbers


@pytest.mark.parametrize(
    ("said", "later"), [("3.0s", "12.7s"), ("95.19it/s", "3it/s"), ("0x1f", "0x2f"), ("1_000", "7")]
)
def test_volatile_numbers_may_have_a_unit(said: str, later: str) -> None:
    assert text(said, later, Tolerance(volatile=True)) is None
    assert text(said, later)


def test_exact_forgives_no_digit() -> None:
    assert text("0.953", "0.954", Tolerance(0, 0)) is None
    assert text("0.953", "0.954", compare.EXACT)
    assert text("0.953", "0.953", compare.EXACT) is None


def test_what_may_be_loose() -> None:
    assert [n for n in ("1", "1.", "1e3", "2j", "nan", "0x1e", "1_000", "-0xe", "-.5") if compare.is_float(n)] == [
        "1.", "1e3", "2j", "nan", "-.5"
    ]  # fmt: skip


def svg(body: str, width: int = 100) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} 50">{body}</svg>'


LINE = '<path d="M 0 0 L 90 40" stroke="#2f6fdb" stroke-width="2"/>'
LABEL = '<!-- loss: 90 --><use xlink:href="#DejaVuSans-4f"/><use xlink:href="#DejaVuSans-50"/>'


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (svg(LINE.replace("90 40", "90 20")), "a path moved by 20.00 pt (at most 0.5)"),
        (svg(LINE.replace("#2f6fdb", "#e4572e")), "stroke #2f6fdb is now #e4572e"),
        (svg(LINE, width=200), "the picture was 100 x 50 pt, is 200 x 50"),
        (svg(""), "1 <path> are now 0"),
        ("<svg", "not a picture"),
        (svg(LINE + "<text>b</text>"), "a label of the picture"),
    ],
)
def test_different_pictures(other: str, why: str) -> None:
    assert why in (picture(svg(LINE), other) or "equal")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (LABEL.replace("90", "70"), "a label of the picture: number 1 differs: 90 is now 70"),
        (LABEL.replace("loss", "less"), "a label of the picture: text differs"),
        (LABEL.replace("4f", "4e"), "the label 'loss: 90' of the picture is drawn with other letters"),
        ("", "a label of the picture"),
    ],
)
def test_one_wrong_letter_in_a_large_picture_is_seen(other: str, why: str) -> None:
    assert why in (picture(svg(LINE + LABEL), svg(LINE + other)) or "equal")


def test_pictures_that_look_the_same_are_equal() -> None:
    assert picture(svg(LINE), svg(LINE)) is None
    assert picture(svg(LINE), svg(LINE.replace("90 40", "90.001 40"))) is None
    assert picture(svg(LINE), svg(LINE.replace("#2f6fdb", "#2f6fda"))) is None


def stream(value: str | list[str], name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": value}


def result(**data: str) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": {k.replace("_", "/"): v for k, v in data.items()}}


def test_outputs_compares_each_and_says_which() -> None:
    same = [stream("1\n"), result(text_plain="2")]
    assert outputs(same, same) == []
    differences = outputs(same, [stream("1\n"), result(text_plain="3")])
    assert [(d.output, d.what, d.expected, d.got) for d in differences] == [
        (2, "number 1 differs: 2 is now 3", "2", "3")
    ]
    assert "output 2: number 1 differs" in str(differences[0])


def test_outputs_sees_missing_added_and_other_kinds() -> None:
    one, two = stream("1"), result(text_plain="2")
    assert outputs([one, two], [one])[0].what == "the record has this output, the run does not"
    assert outputs([one], [one, two])[0].what == "the run has this output, the record does not"
    assert outputs([stream("1")], [stream("1", "stderr")])[0].what == "stdout is now stderr"
    assert outputs([one], [two])[0].what == "stdout is now text/plain"
    error = {"output_type": "error", "ename": "E", "evalue": "m", "traceback": []}
    assert outputs([error], [one])[0].what == "an exception is now stdout"
    assert "F: m" in outputs([error], [{**error, "ename": "F"}])[0].got


def test_outputs_looks_at_every_form_of_a_result() -> None:
    html = result(text_plain="a", text_html="<b>a</b>")
    assert outputs([html], [result(text_plain="a", text_html="<b>b</b>")])
    assert outputs([html], [result(text_plain="b", text_html="<b>a</b>")])
    assert outputs([html], [result(text_plain="a")])[0].what == "text/html + text/plain is now text/plain"


def test_neighbouring_pieces_of_a_stream_are_one() -> None:
    assert outputs([stream("1\n2\n")], [stream("1\n"), stream("2\n")]) == []
    assert outputs([stream(["1\n", "2\n"])], [stream("1\n2\n")]) == []
    assert outputs([stream("1\n2\n")], [stream("1\n"), stream("2\n", "stderr")])


def test_any_device_reads_accelerators_as_cpu() -> None:
    cpu, cuda = [stream("tensor([1.]) cpu")], [stream("tensor([1.], device='cuda:0') cuda:0")]
    assert outputs(cpu, cuda, any_device=True) == []
    assert outputs(cpu, cuda)
    other = [stream("tensor([1.], device='cuda:0', dtype=torch.float64) cuda:0")]
    assert outputs(cpu, other, any_device=True), "a dtype that differs is no matter of the device"


SAME_ELSEWHERE = [
    ("device(type='cpu')", "device(type='cuda', index=0)"),
    ("device(type='cpu')", "device(type='mps')"),
    ("tensor([1.], dtype=torch.float64)", "tensor([1.], device='sim:0',\n       dtype=torch.float64)"),
    ("(tensor([1.]), tensor([2.]))", "(tensor([1.], device='xpu:0'),\n tensor([2.], device='xpu:0'))"),
]
OTHER_ELSEWHERE = [
    ("tensor([1.],\n [2.])", "tensor([1.], [2.])"),  # no device: a line breaks for another reason
    ("torch.FloatTensor", "torch.cuda.FloatTensor"),
    ("torch.cpu.FloatTensor", "torch.cuda.FloatTensor"),
    ("tensor([1.])", "tensor([2.], device='cuda:0')"),
]


@pytest.mark.parametrize(("cpu", "device"), SAME_ELSEWHERE)
def test_the_same_on_another_device(cpu: str, device: str) -> None:
    assert outputs([stream(cpu)], [stream(device)], any_device=True) == []
    assert outputs([stream(cpu)], [stream(device)])


@pytest.mark.parametrize(("cpu", "device"), OTHER_ELSEWHERE)
def test_not_the_same_on_another_device(cpu: str, device: str) -> None:
    assert outputs([stream(cpu)], [stream(device)], any_device=True)


def test_names_of_types_are_the_cpus_where_tensors_were_moved() -> None:
    cpu = [stream("torch.FloatTensor [torch.LongTensor [2]]")]
    cuda = [stream("torch.cuda.FloatTensor [torch.cuda.LongTensor [2]]")]
    assert outputs(cpu, cuda, any_device=True, type_names=True) == []
    assert outputs(cpu, cuda, any_device=True)


def test_long_outputs_are_cut_in_messages() -> None:
    difference = outputs([stream("x" * 1000)], [stream("y")])[0]
    assert len(difference.expected) < 500 and difference.expected.endswith("…")
    assert compare.Difference(1, "w", "e", "g").output == 1


def png(*pixels: int) -> dict[str, object]:
    buffer = io.BytesIO()
    Image.frombytes("L", (len(pixels), 1), bytes(pixels)).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"output_type": "display_data", "data": {"image/png": data, "text/plain": "<picture>"}}


def test_pictures_of_pixels_are_compared_by_their_pixels() -> None:
    assert outputs([png(0, 100)], [png(0, 100)]) == []
    assert outputs([png(0, 100)], [png(2, 102)]) == [], "a rounding that nobody sees"
    assert "50.00% of the picture's pixels changed" in outputs([png(0, 100)], [png(0, 110)])[0].what
    assert "was 2 x 1 pixels, is 3 x 1" in outputs([png(0, 100)], [png(0, 100, 0)])[0].what
    assert raster("AAAA", "AAAB") is not None and raster("AAAA", "AAAA") is None
