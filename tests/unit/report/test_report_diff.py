from hypothesis import given
from hypothesis import strategies as st

from seamwatch.report.diff import Piece, word_diff


def test_only_the_differing_words_stand_out():
    left, right = word_diff("the Office Phone X2 is dead", "the Fibre Router R1 is dead")
    assert left == (Piece(text="the "), Piece(text="Office Phone X2", differs=True), Piece(text=" is dead"))
    assert [piece.text for piece in right if piece.differs] == ["Fibre Router R1"]


def test_texts_without_much_in_common_differ_as_a_whole():
    assert word_diff("red", "blue") == ((Piece(text="red", differs=True),), (Piece(text="blue", differs=True),))


def test_no_value_is_not_an_empty_one():
    assert word_diff(None, "x") == ((), (Piece(text="x", differs=True),))
    assert word_diff("", None)[0] == (Piece(text="", differs=True),)


def test_long_texts_are_cut_near_the_difference():
    left, right = word_diff("a " * 30_000 + "red", "a " * 30_000 + "blue")
    assert left[-1] == Piece(text="red", differs=True)
    assert right[-1] == Piece(text="blue", differs=True)
    assert len("".join(piece.text for piece in left)) < 700


@given(st.text(max_size=80), st.text(max_size=80))
def test_pieces_add_up_to_the_texts(left, right):
    found = word_diff(left, right)
    assert tuple("".join(piece.text for piece in side) for side in found) == (left, right)
    assert all(not piece.differs for side in word_diff(left, left) for piece in side)
