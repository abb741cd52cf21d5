// Labels of connected components, by union-find over runs of equal pixels (Rosenfeld and Pfaltz, 1966; He, Chao and
// Suzuki, 2008).
#include <algorithm>
#include <cstring>

#include "runtime/op.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kStrips = 64;         // work units, at most
constexpr int64_t kLeastPixels = 8192;  // of a work unit

// Runs of equal pixels other than 0 in the rows of all images, and the trees of connected runs. The rows are processed
// in strips. The runs of a strip have consecutive numbers from the index of its first pixel, so that the smallest run of
// a component contains its first pixel.
class Runs {
 public:
  Runs(int64_t rows, int64_t height, int64_t width)
      : rows_(rows),
        height_(height),
        width_(width),
        grain_(grain_for(rows, kStrips, 1 + kLeastPixels / width)),
        begin_(rows * width),
        end_(rows * width),
        parents_(rows * width),
        row_end_(rows) {}

  int64_t grain() const { return grain_; }

  // Finds the runs of the strip [begin, end) and connects them to each other.
  template <class Value>
  void scan(const Value* pixels, int64_t begin, int64_t end) {
    Scratch<uint8_t> changed((width_ + 7) / 8 * 8);
    std::memset(changed + width_ / 8 * 8, 0, width_ % 8 == 0 ? 0 : 8);
    int32_t run = first_of(begin);
    for (int64_t r = begin; r < end; ++r) {
      const Value* row = pixels + r * width_;
      changed[0] = 1;
      for (int64_t x = 1; x < width_; ++x) changed[x] = row[x] != row[x - 1];
      const int32_t first = run;
      int32_t open = 0;  // 1 if the pixel to the left is in the run with the next number
      for (int64_t x = 0; x < width_; x += 8) {
        uint64_t bytes;
        std::memcpy(&bytes, changed + x, 8);
        for (; bytes != 0; bytes &= bytes - 1) {
          const int64_t at = x + place(bytes);
          // Without branches, which would be mispredicted. Runs of 0 are overwritten.
          end_[run] = static_cast<int32_t>(at);
          run += open;
          begin_[run] = static_cast<int32_t>(at);
          parents_[run] = run;
          open = row[at] != Value{};
        }
      }
      end_[run] = static_cast<int32_t>(width_);
      run += open;
      row_end_[r] = run;
      if (r > begin) connect(pixels, r, first);
    }
  }

  // Connects the first rows of all strips to the rows above.
  template <class Value>
  void join(const Value* pixels) {
    for (int64_t r = grain_; r < rows_; r += grain_) connect(pixels, r, first_of(r));
  }

  // Returns the number of components that begin in the strip [begin, end).
  int32_t count(int64_t begin, int64_t end) const {
    int32_t result = 0;
    for (int32_t run = first_of(begin); run < row_end_[end - 1]; ++run) result += parents_[run] == run;
    return result;
  }

  // Numbers the components that begin in the strip [begin, end), from `before` + 1, and passes the numbers on to the
  // other runs of the strip.
  void number(int64_t begin, int64_t end, int32_t before) {
    const int32_t first = first_of(begin);
    for (int32_t run = first; run < row_end_[end - 1]; ++run) {
      const int32_t parent = parents_[run];
      if (parent == run)
        parents_[run] = ~++before;
      else if (parent >= first)
        parents_[run] = parents_[parent];
    }
  }

  // Writes the labels of the strip [begin, end), after the components of all strips were numbered.
  void write(int64_t begin, int64_t end, int32_t* labels) const {
    int32_t run = first_of(begin);
    for (int64_t r = begin; r < end; ++r) {
      int32_t* row = labels + r * width_;
      std::memset(row, 0, width_ * sizeof(int32_t));
      for (; run < row_end_[r]; ++run) {
        int32_t root = run;
        while (parents_[root] >= 0) root = parents_[root];
        for (int64_t x = begin_[run]; x < end_[run]; ++x) row[x] = ~parents_[root];
      }
    }
  }

 private:
  // Number of the first run of the strip that begins with a row.
  int32_t first_of(int64_t row) const { return static_cast<int32_t>(row * width_); }

  // Index of the first byte that is not 0, in the order of memory.
  static int64_t place(uint64_t bytes) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_clzll(bytes) / 8;
#else
    return __builtin_ctzll(bytes) / 8;
#endif
  }

  int32_t root_of(int32_t run) {
    while (parents_[run] != run) run = parents_[run] = parents_[parents_[run]];
    return run;
  }

  // Connects the runs of a row, of which `run` is the first, to those of the row above, unless it is in another image.
  template <class Value>
  void connect(const Value* pixels, int64_t r, int32_t run) {
    if (r % height_ == 0) return;
    const Value *row = pixels + r * width_, *above = row - width_;
    int32_t other = (r - 1) % grain_ == 0 ? first_of(r - 1) : row_end_[r - 2];
    const int32_t last = row_end_[r], other_last = row_end_[r - 1];
    while (run < last && other < other_last) {
      const int32_t begin = std::max(begin_[run], begin_[other]), end = end_[run], other_end = end_[other];
      if (begin < std::min(end, other_end) && row[begin] == above[begin]) {
        const int32_t one = root_of(run), two = root_of(other);
        parents_[std::max(one, two)] = std::min(one, two);
      }
      // Advances from the run that ends first.
      run += end <= other_end;
      other += other_end <= end;
    }
  }

  int64_t rows_, height_, width_, grain_;
  Scratch<int32_t> begin_, end_;  // columns of each run
  Scratch<int32_t> parents_;      // an earlier run of the component, the run itself, or the complement of a label
  Scratch<int32_t> row_end_;      // number after the last run of each row
};

template <class Value>
void label(const Value* pixels, int64_t rows, int64_t height, int64_t width, int32_t* labels) {
  Runs runs(rows, height, width);
  int32_t counts[kStrips];
  parallel_for(rows, runs.grain(), [&](int64_t begin, int64_t end) { runs.scan(pixels, begin, end); });
  runs.join(pixels);
  parallel_for(rows, runs.grain(),
               [&](int64_t begin, int64_t end) { counts[begin / runs.grain()] = runs.count(begin, end); });
  int32_t before[kStrips] = {};
  for (int64_t i = 1; i * runs.grain() < rows; ++i) before[i] = before[i - 1] + counts[i - 1];
  parallel_for(rows, runs.grain(),
               [&](int64_t begin, int64_t end) { runs.number(begin, end, before[begin / runs.grain()]); });
  parallel_for(rows, runs.grain(), [&](int64_t begin, int64_t end) { runs.write(begin, end, labels); });
}

void kernel(Context& context) {
  const Tensor images = context.input(0);
  require_rank(images, "images", 3);
  int32_t* labels = context.output(0, images.shape).as<int32_t>();
  require(images.size() < (int64_t{1} << 31), "images: got %lld pixels, expected fewer than 2^31",
          static_cast<long long>(images.size()));
  if (images.size() == 0) return;
  const int64_t height = images.dim(1), rows = images.dim(0) * height, width = images.dim(2);
  // Signed and unsigned integers of one size, and booleans, are compared as the same bits.
  const auto run = [&](auto value) {
    label(static_cast<const decltype(value)*>(images.data), rows, height, width, labels);
  };
  switch (images.type) {
    case TF_FLOAT:
      return run(float{});
    case TF_DOUBLE:
      return run(double{});
    case TF_INT64:
    case TF_UINT64:
      return run(uint64_t{});
    case TF_INT32:
    case TF_UINT32:
      return run(uint32_t{});
    case TF_INT16:
    case TF_UINT16:
      return run(uint16_t{});
    default:
      return run(uint8_t{});
  }
}

void shapes_of(Shapes& shapes) { shapes.set(0, shapes.input(0, 3)); }

}  // namespace

TENSORSMITH_OP(connected_components, "TensorsmithConnectedComponents",
               "images: T -> labels: int32 | "
               "T: {bool, uint8, int8, uint16, int16, uint32, int32, uint64, int64, float, double}",
               shapes_of, kernel);

TENSORSMITH_END
