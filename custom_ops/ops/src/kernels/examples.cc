// Parsing of tf.train.Example into tensors, from strings or from given positions in TFRecord files.
#include <cerrno>
#include <cstring>

#include "records/c_interface.h"
#include "runtime/op.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kHeader = 12, kFooter = 4;  // sizes of the frame around a record

// Owner of the parsed examples.
struct Found {
  TensorsmithExamples* examples = nullptr;
  ~Found() { tensorsmith_close(examples); }
};

// Names of records in error messages.
struct Names {
  virtual void put(int64_t row, char* out, size_t size) const = 0;
};

struct Numbers : Names {
  void put(int64_t row, char* out, size_t size) const override {
    std::snprintf(out, size, "record %lld of the batch", static_cast<long long>(row));
  }
};

int64_t kind_of(TF_DataType type) { return type == TF_STRING ? 1 : type == TF_FLOAT ? 2 : 3; }

[[noreturn]] void refuse(const Names& names, int64_t row, const char* problem, TF_Code code = TF_INVALID_ARGUMENT) {
  char name[240];
  names.put(row, name, sizeof(name));
  Failure failure = {code, {}};
  std::snprintf(failure.message, sizeof(failure.message), "%s: %s", name, problem);
  throw failure;
}

// Copies the `count` values of a feature to `out`. `begins` holds the offset of each row.
void copy(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, int64_t count,
          const Tensor& out) {
  if (out.type == TF_FLOAT) {
    tensorsmith_floats(examples, feature, begins, out.as<float>());
  } else if (out.type == TF_INT64) {
    tensorsmith_integers(examples, feature, begins, out.as<int64_t>());
  } else {
    Scratch<TensorsmithSpan> spans(count);
    tensorsmith_bytes(examples, feature, begins, spans);
    auto* strings = out.as<String>();
    for (int64_t i = 0; i < count; ++i) strings[i].set(spans[i].begin, spans[i].end - spans[i].begin);
  }
}

// Inputs from index `first`: names of the features; number of values per row, or -1 if it varies; true if rows may lack
// the feature. Outputs for each feature: the values, of shape [rows, count] or concatenated if their number varies; the
// row splits if it varies; and true for each row that has the feature. Missing values are 0 or empty.
void parse(Context& context, int first, const uint8_t* const* records, const int64_t* sizes, int64_t rows,
           const Names& row_names) {
  const Tensor names = context.input(first), counts = context.input(first + 1), optional = context.input(first + 2);
  require_rank(names, "names", 1);
  const int features = static_cast<int>(names.size());
  require_shape(counts, "counts", names.shape);
  require_shape(optional, "optional", names.shape);
  const bool fits = context.integer("features") == features && context.outputs() == 2 * features + 1;
  require(fits, "names: got %d names, expected one for each type and feature", features);
  Scratch<TensorsmithWanted> wanted(features);
  for (int i = 0; i < features; ++i) {
    const String& name = names.as<String>()[i];
    wanted[i] = {reinterpret_cast<const char*>(name.data()), static_cast<int64_t>(name.size()),
                 kind_of(context.output_type(i)), 0};
  }
  // Phase 1: parsing of all records, which are also validated.
  char message[kTensorsmithMessageSize];
  Found found;
  const int64_t refused = tensorsmith_open(wanted, features, records, sizes, rows, &found.examples, message);
  if (refused >= 0) refuse(row_names, refused, message);
  if (refused != kTensorsmithDone) throw std::bad_alloc();

  // Phase 2: for each feature, checks of the number of values, then the outputs.
  bool* present = context.output(2 * features, Shape(features, rows)).as<bool>();
  Scratch<int64_t> begins(rows + 1), own(rows);
  for (int i = 0; i < features; ++i, present += rows) {
    tensorsmith_counts(found.examples, i, reinterpret_cast<uint8_t*>(present), own);
    const int64_t count = counts.as<int64_t>()[i];
    require(count < int64_t{1} << 40, "counts: got %lld values per row", static_cast<long long>(count));
    const bool varies = count < 0;
    begins[0] = 0;
    for (int64_t row = 0; row < rows; ++row) {
      begins[row + 1] = begins[row] + (varies ? own[row] : count);
      if (varies || (present[row] ? own[row] == count : optional.as<bool>()[i])) continue;
      char problem[80] = "it is missing, and has no default";
      if (present[row])
        std::snprintf(problem, sizeof(problem), "got %lld values, expected %lld", static_cast<long long>(own[row]),
                      static_cast<long long>(count));
      const String& name = names.as<String>()[i];
      const int shown = static_cast<int>(name.size() < 100 ? name.size() : 100);
      std::snprintf(message, sizeof(message), "feature `%.*s`: %s", shown, reinterpret_cast<const char*>(name.data()),
                    problem);
      refuse(row_names, row, message);
    }
    const Tensor values = context.output(i, varies ? Shape(begins[rows]) : Shape(rows, count));
    if (!varies && values.type != TF_STRING)
      for (int64_t row = 0; row < rows; ++row)
        if (!present[row]) {
          const size_t bytes = count * bytes_of(values.type);
          std::memset(static_cast<uint8_t*>(values.data) + row * bytes, 0, bytes);
        }
    copy(found.examples, i, begins, begins[rows], values);
    const Tensor splits = context.output(features + i, Shape(varies ? rows + 1 : 0));
    if (varies) std::memcpy(splits.data, begins, (rows + 1) * sizeof(int64_t));
  }
}

void parse_strings(Context& context) {
  const Tensor serialized = context.input(0);
  require_rank(serialized, "serialized", 1);
  const int64_t rows = serialized.size();
  const auto* strings = serialized.as<String>();
  Scratch<const uint8_t*> records(rows);
  Scratch<int64_t> sizes(rows);
  for (int64_t i = 0; i < rows; ++i) records[i] = strings[i].data(), sizes[i] = strings[i].size();
  parse(context, 1, records, sizes, rows, Numbers());
}

// Files of a batch, opened on first use.
class Files {
 public:
  explicit Files(const Tensor& paths) : paths_(paths.as<String>()), count_(paths.size()), open_(count_) {
    std::memset(open_.data(), 0, count_ * sizeof(TensorsmithFile*));
  }
  ~Files() {
    for (int64_t i = 0; i < count_; ++i)
      if (open_[i] != nullptr) tensorsmith_close_file(open_[i]);
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Copies a range of bytes. Returns false if the file ends before the end of the range.
  bool read(int64_t number, int64_t begin, int64_t size, uint8_t* out) {
    int64_t error = 0;
    const String& path = paths_[number];
    if (open_[number] == nullptr) open_[number] = tensorsmith_open_file(path.data(), path.size(), &error);
    if (open_[number] != nullptr) return tensorsmith_read_file(open_[number], begin, size, out) != 0;
    Failure failure = {error == ENOENT ? TF_NOT_FOUND : TF_INVALID_ARGUMENT, {}};
    std::snprintf(failure.message, sizeof(failure.message), "%.*s: %s", static_cast<int>(path.size()), path.data(),
                  std::strerror(static_cast<int>(error)));
    throw failure;
  }

 private:
  const String* paths_;
  int64_t count_;
  Scratch<TensorsmithFile*> open_;
};

struct Places : Names {
  const String* files;
  const int64_t *file, *begins;

  void put(int64_t row, char* out, size_t size) const override {
    const String& path = files[file[row]];
    std::snprintf(out, size, "%.*s, record at byte %lld", static_cast<int>(path.size()), path.data(),
                  static_cast<long long>(begins[row] - kHeader));
  }
};

// A record that could not be read from its position, and the reason.
struct Lost {
  int64_t row;
  const char* problem;
};

// Copies records to the given offsets in memory and verifies their checksums. Returns the first lost record, or row -1.
Lost copy_records(const Tensor& paths, const Places& places, const int64_t* sizes, int64_t rows, const int64_t* offsets,
                  uint8_t* memory) {
  Files files(paths);
  for (int64_t first = 0, last; first < rows; first = last) {
    const auto follows = [&](int64_t i) {
      return places.file[i] == places.file[first] &&
             places.begins[i] == places.begins[i - 1] + sizes[i - 1] + kFooter + kHeader;
    };
    for (last = first + 1; last < rows && follows(last);) ++last;  // adjacent records are read at once
    const int64_t begin = places.begins[first] - kHeader, size = offsets[last] - offsets[first];
    if (!files.read(places.file[first], begin, size, memory + offsets[first]))
      return {last - 1, "the file ends before it"};
  }
  for (int64_t i = 0; i < rows; ++i) {
    TensorsmithScan found;
    int64_t begin, size;
    tensorsmith_scan(memory + offsets[i], offsets[i + 1] - offsets[i], 1, 1, &begin, &size, &found);
    if (found.records != 1 || size != sizes[i])
      return {i, found.damage == 2 ? "its data are damaged" : "there is no such record"};
  }
  return {-1, nullptr};
}

void read_files(Context& context) {
  const Tensor files = context.input(0), file = context.input(1), begin = context.input(2), size = context.input(3);
  require_rank(files, "files", 1);
  require_rank(file, "file", 1);
  require_shape(begin, "begins", file.shape);
  require_shape(size, "sizes", file.shape);
  const int64_t rows = file.size();
  Places places;
  places.files = files.as<String>(), places.file = file.as<int64_t>(), places.begins = begin.as<int64_t>();
  const int64_t* sizes = size.as<int64_t>();

  Scratch<int64_t> offsets(rows + 1);  // of the frames in memory
  offsets[0] = 0;
  for (int64_t i = 0; i < rows; ++i) {
    require(places.file[i] >= 0 && places.file[i] < files.size(), "file: got %lld, expected one of %lld files",
            static_cast<long long>(places.file[i]), static_cast<long long>(files.size()));
    require(places.begins[i] >= kHeader && sizes[i] >= 0 && sizes[i] <= INT32_MAX,
            "begins, sizes: got %lld and %lld, expected positions of records",
            static_cast<long long>(places.begins[i]), static_cast<long long>(sizes[i]));
    offsets[i + 1] = offsets[i] + kHeader + sizes[i] + kFooter;
  }
  Scratch<uint8_t> memory(offsets[rows]);
  Scratch<const uint8_t*> records(rows);
  const Lost lost = copy_records(files, places, sizes, rows, offsets, memory);
  if (lost.row >= 0) refuse(places, lost.row, lost.problem, TF_DATA_LOSS);
  for (int64_t i = 0; i < rows; ++i) records[i] = memory + offsets[i] + kHeader;
  parse(context, 4, records, sizes, rows, places);
}

void no_shapes(Shapes&) {}  // set by the Python wrapper

}  // namespace

#define TENSORSMITH_PARSED \
  "names: string; counts: int64; optional: bool -> values: types; splits: features * int64; present: bool | " \
  "types: list({float, int64, string}); features: int >= 1"

TENSORSMITH_OP(parse_examples, "TensorsmithParseExamples", "serialized: string; " TENSORSMITH_PARSED, no_shapes,
               parse_strings);
TENSORSMITH_OP(read_examples, "TensorsmithReadExamples",
               "files: string; file: int64; begins: int64; sizes: int64; " TENSORSMITH_PARSED, no_shapes, read_files);

TENSORSMITH_END
