// WordPiece tokens of texts: splits them into words, and each word into the longest pieces of a vocabulary. Or, tokens of
// whole words.
#include <cstring>

#include "kernels/pair_table.h"
#include "kernels/piece_cache.h"
#include "kernels/unicode.h"
#include "runtime/op.h"

TENSORSMITH_BEGIN
namespace {

constexpr int kMostCharacters = 100;  // longer words are unknown, as in BERT

// Returns the first byte that is whitespace, or that is not. Both use ASCII as `tf.strings.split` does.
const uint8_t* skip(const uint8_t* begin, const uint8_t* end, bool space) {
  while (begin < end && (*begin == ' ' || (*begin >= '\t' && *begin <= '\r')) == space) ++begin;
  return begin;
}

// Returns the end of the first word: a punctuation character, a byte that is not valid UTF-8, or a run of characters
// that are neither of them nor whitespace. `characters` is their number. The text must not begin with whitespace.
const uint8_t* end_of_word(const uint8_t* begin, const uint8_t* end, int64_t* characters) {
  const uint8_t* at = begin;
  *characters = 0;
  while (at < end) {
    const Character character = first_character(at, end);
    // In BERT, all symbols of ASCII are punctuation.
    const bool symbol = *at > ' ' && *at < 0x7f && character.kind == Kind::kOther;
    const bool alone = symbol || character.kind == Kind::kPunctuation || character.kind == Kind::kInvalid;
    if ((alone || character.kind == Kind::kSpace) && *characters > 0) break;
    at += character.size;
    ++*characters;
    if (alone) break;
  }
  return at;
}

// Writes the tokens of a word and returns their number, which is at most the number of bytes. The trie has a node and a
// byte as key, and as value the next node and, in the low 32 bits, one more than the token that ends there, or 0. The
// nodes 0 and 1 are the roots for the first piece of a word and for the other ones.
int64_t split_word(const uint8_t* begin, const uint8_t* end, const PairTable& trie, int32_t unknown, int32_t* tokens) {
  int64_t count = 0;
  for (const uint8_t* from = begin; from < end;) {
    const uint8_t* longest = nullptr;
    int32_t token = 0, node = from == begin ? 0 : 1;
    for (const uint8_t* at = from; at < end; ++at) {
      const int64_t found = trie.find(node, *at);
      if (found < 0) break;
      node = static_cast<int32_t>(found >> 32);
      const auto ending = static_cast<uint32_t>(found);
      if (ending > 0) longest = at + 1, token = static_cast<int32_t>(ending - 1);
    }
    if (longest == nullptr) {
      tokens[0] = unknown;
      return 1;
    }
    tokens[count++] = token;
    from = longest;
  }
  return count;
}

void kernel(Context& context) {
  const Tensor texts = context.input(0), unknown_tensor = context.input(2);
  require_rank(texts, "texts", 1);
  const PairTable trie(context.input(1), "trie");
  require_rank(unknown_tensor, "unknown", 0);
  const int32_t unknown = *unknown_tensor.as<int32_t>();
  const bool whole_words = context.flag("whole_words");  // which the trie contains from its first root only
  const String* strings = texts.as<String>();
  int64_t bytes = 0;
  for (int64_t i = 0; i < texts.size(); ++i) bytes += static_cast<int64_t>(strings[i].size());

  Scratch<int32_t> tokens(bytes);  // there are at most as many tokens as bytes
  int64_t* splits = context.output(1, Shape(texts.size() + 1)).as<int64_t>();
  PieceCache cache(bytes);
  const auto split = [&](const uint8_t* begin, const uint8_t* end) {
    return [&, begin, end](int32_t* out) { return split_word(begin, end, trie, unknown, out); };
  };
  int64_t count = 0;
  splits[0] = 0;
  for (int64_t i = 0; i < texts.size(); ++i) {
    const uint8_t *at = strings[i].data(), *end = at + strings[i].size();
    while (whole_words && (at = skip(at, end, true)) < end) {
      const uint8_t* next = skip(at, end, false);
      count += cache.repeat_or(at, next - at, tokens, count, split(at, next));
      at = next;
    }
    while (at < end) {
      const Character character = first_character(at, end);
      if (character.kind == Kind::kSpace) {
        at += character.size;
        continue;
      }
      int64_t characters;
      const uint8_t* next = end_of_word(at, end, &characters);
      if (characters > kMostCharacters)
        tokens[count++] = unknown;
      else
        count += cache.repeat_or(at, next - at, tokens, count, split(at, next));
      at = next;
    }
    splits[i + 1] = count;
  }
  int32_t* out = context.output(0, Shape(count)).as<int32_t>();
  if (count > 0) std::memcpy(out, tokens, count * sizeof(int32_t));
}

void shapes_of(Shapes& shapes) {
  shapes.input(0, 1);
  shapes.set(0, shapes.vector(Shapes::kUnknown));
  shapes.set(1, shapes.vector(Shapes::kUnknown));
}

}  // namespace

TENSORSMITH_OP(word_piece, "TensorsmithWordPiece",
               "texts: string; trie: int64; unknown: int32 -> tokens: int32; row_splits: int64 | "
               "whole_words: bool",
               shapes_of, kernel);

TENSORSMITH_END
