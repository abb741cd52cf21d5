// Weighted counts of concordant, discordant and tied pairs of samples in O(n log n) time, by the method of Knight
// (1966).
#include <cstring>
#include <utility>

#include "runtime/op.h"

TENSORSMITH_BEGIN
namespace {

// Element of the radix sorts: the sort key and the index of the sample.
struct Item {
  uint64_t key;
  int64_t index;
};

// Bits that sort in the order of the values. Both zeros have the same key.
uint64_t key_of(double value) {
  value += 0.0;
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits >> 63 ? ~bits : bits | uint64_t{1} << 63;
}

// Stable radix sort by key. Passes over digits that are equal in all keys are skipped.
Item* sort(Item* items, Item* spare, int64_t count) {
  constexpr int kBits = 11, kSize = 1 << kBits;
  Scratch<int64_t> starts(kSize);
  for (int shift = 0; shift < 64; shift += kBits) {
    std::memset(starts.data(), 0, kSize * sizeof(int64_t));
    const auto digit = [&](const Item& item) { return item.key >> shift & (kSize - 1); };
    for (int64_t i = 0; i < count; ++i) ++starts[digit(items[i])];
    if (starts[digit(items[0])] == count) continue;
    int64_t next = 0;
    for (int d = 0; d < kSize; ++d) next += std::exchange(starts[d], next);
    for (int64_t i = 0; i < count; ++i) spare[starts[digit(items[i])]++] = items[i];
    std::swap(items, spare);
  }
  return items;
}

// Sum of the squared weights of groups of ties, and the number of groups of positive weight. Members are added in
// order.
struct Groups {
  double squares = 0, own = 0;
  int64_t count = 0;

  void add(double weight, bool begins) {
    if (begins) close();
    own += weight;
  }
  void close() {
    squares += own * own;
    count += own > 0;
    own = 0;
  }
};

// Positions and weights of the elements of a list, and buffers for the next pass.
struct List {
  int32_t *places, *other_places;
  double *weights, *other_weights;

  // Splits each block of 2 * half positions in [begin, end) into its halves, and returns the sum of the weight products
  // of the pairs whose order is inverted by the split.
  double halve(int64_t begin, int64_t end, int64_t half) {
    double total = 0;
    for (; begin < end; begin += 2 * half) {
      int64_t late_ones = 0;  // if there are any, the first half is full
      double later = 0;
      for (int64_t i = begin; i < end && i < begin + 2 * half; ++i) {
        const bool late = (places[i] & half) != 0;
        total += late ? 0 : weights[i] * later;
        later += late ? weights[i] : 0;
        const int64_t to = late ? begin + half + late_ones : i - late_ones;
        late_ones += late;
        other_places[to] = places[i], other_weights[to] = weights[i];
      }
    }
    std::swap(places, other_places), std::swap(weights, other_weights);
    return total;
  }
};

// Sum of the weight products of all pairs whose first element in the list has the later position. Positions are a
// permutation. Blocks are halved from pass to pass, and after the first pass each half is processed by one thread.
double inversions(List list, int64_t count) {
  int64_t half = 1;
  while (2 * half < count) half *= 2;
  double totals[3] = {list.halve(0, count, half), 0, 0};
  parallel_for(2, 1, [&](int64_t first, int64_t) {
    List own = list;
    const int64_t begin = first * half, end = first == 0 && half < count ? half : count;
    for (int64_t size = half / 2; size > 0; size /= 2) totals[1 + first] += own.halve(begin, end, size);
  });
  return totals[0] + totals[1] + totals[2];
}

void kernel(Context& context) {
  const Tensor x_tensor = context.input(0), y_tensor = context.input(1), weight_tensor = context.input(2);
  require_rank(x_tensor, "x", 1);
  require_shape(y_tensor, "y", x_tensor.shape);
  require_shape(weight_tensor, "weights", x_tensor.shape);
  const double *x = x_tensor.as<double>(), *y = y_tensor.as<double>(), *weights = weight_tensor.as<double>();
  double* out = context.output(0, Shape(5)).as<double>();
  const int64_t count = x_tensor.size();
  require(count < (int64_t{1} << 31), "x: got %lld samples, expected fewer than 2^31", static_cast<long long>(count));
  std::memset(out, 0, 5 * sizeof(double));
  if (count == 0) return;

  // Samples sorted by y: ranks of y, and groups of ties in y.
  Scratch<Item> first(count), second(count);
  for (int64_t i = 0; i < count; ++i) first[i] = {key_of(y[i]), i};
  Item* items = sort(first, second, count);
  Scratch<int32_t> ranks(count);  // of y, equal for ties
  Scratch<int64_t> next(count);   // next free position of each rank
  Groups groups_y, groups_x, groups_both;
  int32_t rank = -1;
  for (int64_t i = 0; i < count; ++i) {
    const bool begins = i == 0 || items[i].key != items[i - 1].key;
    if (begins) next[++rank] = i;
    ranks[items[i].index] = rank;
    groups_y.add(weights[items[i].index], begins);
  }
  groups_y.close();

  // Samples sorted by x, and by y where x is tied: groups of ties in x and in both, and positions in the order of y.
  for (int64_t i = 0; i < count; ++i) items[i].key = key_of(x[items[i].index]);
  items = sort(items, items == first.data() ? second.data() : first.data(), count);
  Scratch<int32_t> places(count), other_places(count);
  Scratch<double> listed(count), other_listed(count);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = items[i].index;
    const bool new_x = i == 0 || items[i].key != items[i - 1].key;
    const bool new_both = new_x || ranks[index] != ranks[items[i - 1].index];
    listed[i] = weights[index];
    groups_x.add(weights[index], new_x);
    groups_both.add(weights[index], new_both);
    places[i] = static_cast<int32_t>(next[ranks[index]]++);
    total += weights[index];
  }
  groups_x.close(), groups_both.close();

  // Pairs tied in neither value, minus twice the discordant pairs. The squares of single weights cancel.
  const double square = total * total;
  const double comparable = (square - groups_x.squares - groups_y.squares + groups_both.squares) / 2;
  out[0] = comparable - 2 * inversions({places, other_places, listed, other_listed}, count);
  out[1] = (square - groups_x.squares) / 2;
  out[2] = (square - groups_y.squares) / 2;
  out[3] = static_cast<double>(groups_x.count < groups_y.count ? groups_x.count : groups_y.count);
  out[4] = total;
}

void shapes_of(Shapes& shapes) {
  for (int i = 0; i < 3; ++i) shapes.input(i, 1);
  shapes.set(0, shapes.vector(5));
}

}  // namespace

TENSORSMITH_OP(pair_counts, "TensorsmithPairCounts", "x: double; y: double; weights: double -> counts: double",
               shapes_of, kernel);

TENSORSMITH_END
