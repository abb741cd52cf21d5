"""Vocabulary of BERT with the WordPiece tokenizer, compared with the tokenizers library."""

import pytest
import tokenizers

from tensorsmith.data import DataNotFoundError, bert_vocabulary, load
from tensorsmith.testing import raises_argument_error
from tensorsmith.text import WordPieceTokenizer


@pytest.mark.slow  # downloads the vocabulary
def test_tokens_equal_those_of_tokenizers():
    pieces = bert_vocabulary()
    special = ["[PAD]", "[UNK]", "[START]", "[END]"]
    vocabulary = {piece: token for token, piece in enumerate(special + pieces)}
    options = {"lowercase": True, "strip_accents": False, "handle_chinese_chars": False}
    expected = tokenizers.BertWordPieceTokenizer(vocabulary, sep_token="[END]", cls_token="[START]", **options)
    texts = load("movie_reviews", split="test").features.tolist()
    found = WordPieceTokenizer(pieces).encode(texts).to_list()
    assert found == [expected.encode(text, add_special_tokens=False).ids for text in texts]
    assert sum(map(len, found)) > 10_000


def test_vocabulary_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path))
    with pytest.raises(DataNotFoundError, match=r'as in bert_vocabulary\(folder="downloads"\)'):
        bert_vocabulary()
    with raises_argument_error("folder", received="'/no/such/folder'"):
        bert_vocabulary(folder="/no/such/folder")
