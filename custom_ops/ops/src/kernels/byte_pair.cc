// Byte-level byte-pair encoding (BPE) of texts: splits them into pieces, and merges pairs of tokens within a piece in
// the order of their ranks.
#include <algorithm>
#include <climits>
#include <cstring>

#include "kernels/pair_table.h"
#include "kernels/piece_cache.h"
#include "kernels/unicode.h"
#include "runtime/op.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kNone = INT64_MAX;  // no merge
constexpr int64_t kShort = 64;        // longest piece in bytes for which a scan is faster than a heap

// Returns the end of the first piece: 's 't 're 've 'm 'll 'd, or a run of letters, of numbers or of other characters,
// each with an optional space before it, or a run of whitespace. A byte that is not valid UTF-8 is a piece.
const uint8_t* end_of_piece(const uint8_t* begin, const uint8_t* end) {
  if (*begin == '\'' && end - begin >= 2) {
    const uint8_t next = begin[1], last = end - begin >= 3 ? begin[2] : 0;
    if (next == 's' || next == 't' || next == 'm' || next == 'd') return begin + 2;
    if ((next == 'r' && last == 'e') || (next == 'v' && last == 'e') || (next == 'l' && last == 'l')) return begin + 3;
  }
  const auto kind_at = [&](const uint8_t* at, int* size) {
    if (at == end) return Kind::kInvalid;
    const Character character = first_character(at, end);
    *size = character.size;
    return character.kind == Kind::kPunctuation ? Kind::kOther : character.kind;
  };
  int size = 1;
  const uint8_t* at = begin;
  Kind kind = kind_at(at, &size);
  if (*begin == ' ') {
    int next_size = 1;
    const Kind next = kind_at(begin + 1, &next_size);
    if (next != Kind::kSpace && next != Kind::kInvalid) kind = next, size = next_size, at = begin + 1;
  }
  if (kind == Kind::kInvalid) return begin + 1;
  do {
    at += size;
  } while (kind_at(at, &size) == kind);
  return at;
}

// Merges of the tokens of one piece. The value of a pair is its rank and, in the low 32 bits, the merged token.
class Merger {
 public:
  explicit Merger(const PairTable& table) : table_(table) {}

  // Merges tokens in place and returns their new number.
  int64_t merge(int32_t* tokens, int64_t count) const {
    return count <= kShort ? merge_short(tokens, count) : merge_long(tokens, count);
  }

 private:
  int64_t value_of(int32_t first, int32_t second) const {
    const int64_t found = table_.find(first, second);
    return found < 0 ? kNone : found;
  }

  int64_t merge_short(int32_t* tokens, int64_t count) const {
    int64_t values[kShort];
    for (int64_t i = 0; i + 1 < count; ++i) values[i] = value_of(tokens[i], tokens[i + 1]);
    while (count > 1) {
      int64_t best = 0;
      for (int64_t i = 1; i + 1 < count; ++i) best = values[i] < values[best] ? i : best;
      if (values[best] == kNone) break;
      tokens[best] = static_cast<int32_t>(values[best]);
      --count;
      for (int64_t i = best + 1; i < count; ++i) tokens[i] = tokens[i + 1], values[i - 1] = values[i];
      if (best > 0) values[best - 1] = value_of(tokens[best - 1], tokens[best]);
      if (best + 1 < count) values[best] = value_of(tokens[best], tokens[best + 1]);
    }
    return count;
  }

  struct Entry {
    int64_t value, index;
    bool operator<(const Entry& other) const {  // the standard library keeps the largest entry at the front
      return value != other.value ? value > other.value : index > other.index;
    }
  };

  // O(n log n): a linked list of tokens, and a heap of pairs, whose entries may be outdated.
  int64_t merge_long(int32_t* tokens, int64_t count) const {
    Scratch<int64_t> values(count), next(count), previous(count);
    Scratch<Entry> heap(3 * count);  // each merge adds at most two pairs
    int64_t entries = 0;
    const auto add = [&](int64_t i) {
      values[i] = next[i] < count ? value_of(tokens[i], tokens[next[i]]) : kNone;
      if (values[i] == kNone) return;
      heap[entries++] = {values[i], i};
      std::push_heap(heap.data(), heap.data() + entries);
    };
    for (int64_t i = 0; i < count; ++i) next[i] = i + 1, previous[i] = i - 1;
    for (int64_t i = 0; i < count; ++i) add(i);
    while (entries > 0) {
      std::pop_heap(heap.data(), heap.data() + entries);
      const Entry entry = heap[--entries];
      const int64_t left = entry.index;
      if (values[left] != entry.value) continue;
      const int64_t right = next[left];
      tokens[left] = static_cast<int32_t>(entry.value);
      values[right] = kNone;
      next[left] = next[right];
      if (next[left] < count) previous[next[left]] = left;
      add(left);
      if (previous[left] >= 0) add(previous[left]);
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i = next[i]) tokens[kept++] = tokens[i];
    return kept;
  }

  const PairTable& table_;
};

void kernel(Context& context) {
  const Tensor texts = context.input(0), byte_tensor = context.input(1);
  require_rank(texts, "texts", 1);
  require_shape(byte_tensor, "byte_tokens", Shape(256));
  const PairTable table(context.input(2), "merges");
  const String* strings = texts.as<String>();
  const int32_t* byte_tokens = byte_tensor.as<int32_t>();
  int64_t bytes = 0;
  for (int64_t i = 0; i < texts.size(); ++i) bytes += static_cast<int64_t>(strings[i].size());

  Scratch<int32_t> tokens(bytes);  // there are at most as many tokens as bytes
  int64_t* splits = context.output(1, Shape(texts.size() + 1)).as<int64_t>();
  const Merger merger(table);
  PieceCache cache(bytes);
  int64_t count = 0;
  splits[0] = 0;
  for (int64_t i = 0; i < texts.size(); ++i) {
    const uint8_t *begin = strings[i].data(), *end = begin + strings[i].size();
    while (begin < end) {
      const uint8_t* next = end_of_piece(begin, end);
      const int64_t size = next - begin;
      count += cache.repeat_or(begin, size, tokens, count, [&](int32_t* out) {
        for (int64_t j = 0; j < size; ++j) out[j] = byte_tokens[begin[j]];
        return merger.merge(out, size);
      });
      begin = next;
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

TENSORSMITH_OP(byte_pair, "TensorsmithBytePair",
               "texts: string; byte_tokens: int32; merges: int64 -> tokens: int32; row_splits: int64", shapes_of, kernel);

TENSORSMITH_END
