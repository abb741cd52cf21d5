#pragma GCC visibility push(default)
#include "records/c_interface.h"
#pragma GCC visibility pop

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "records/columns.h"
#include "records/crc32c.h"
#include "records/examples.h"
#include "records/file.h"
#include "records/frames.h"
#include "records/survey.h"

// Opaque types of the C interface.
struct TensorsmithColumn : tensorsmith::records::Column {};
struct TensorsmithExamples : tensorsmith::records::Examples {
  using Examples::Examples;
};
struct TensorsmithSurvey : tensorsmith::records::Survey {
  using Survey::Survey;
};
struct TensorsmithFile {
  std::shared_ptr<const tensorsmith::records::File> file;
};

namespace tensorsmith::records {
namespace {

static_assert(sizeof(Refusal::message) == kTensorsmithMessageSize);

// Converts exceptions to return codes and messages.
template <class Work>
int64_t guarded(char* message, Work work) {
  try {
    work();
    return kTensorsmithDone;
  } catch (const Refusal& refusal) {
    std::memcpy(message, refusal.message, sizeof(refusal.message));
    return refusal.row;
  } catch (const std::exception& error) {
    std::snprintf(message, kTensorsmithMessageSize, "%s", error.what());
    return kTensorsmithNoMemory;
  }
}

std::vector<Span> spans_of(const uint8_t* const* records, const int64_t* sizes, int64_t rows) {
  std::vector<Span> spans(rows);
  for (int64_t i = 0; i < rows; ++i) spans[i] = {records[i], records[i] + sizes[i]};
  return spans;
}

template <class Value>
void copy_rows(const Examples& examples, int64_t feature, const int64_t* begins, Value* out) {
  for (int64_t row = 0; row < examples.rows(); ++row)
    examples.values(feature, row, out + begins[row], begins[row + 1] - begins[row]);
}

}  // namespace
}  // namespace tensorsmith::records

using namespace tensorsmith::records;  // NOLINT: limited to this file

uint32_t tensorsmith_crc32c(const uint8_t* data, int64_t size) { return crc32c(data, static_cast<size_t>(size)); }

void tensorsmith_scan(const uint8_t* data, int64_t size, int64_t check_data, int64_t most, int64_t* begins,
                      int64_t* sizes, TensorsmithScan* result) {
  const Scan found = scan(data, size, check_data != 0, most, begins, sizes);
  *result = {found.records, found.consumed, found.needed, found.damage};
}

int64_t tensorsmith_find(const uint8_t* data, int64_t size) { return find(data, size); }

void tensorsmith_frame(const uint8_t* const* records, const int64_t* sizes, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    put_bytes(out + kHeader, records[i], sizes[i]);
    put_frame(out, sizes[i]);
    out += kHeader + sizes[i] + kFooter;
  }
}

int64_t tensorsmith_measure(const TensorsmithColumn* columns, int64_t count, int64_t first, int64_t last,
                            int64_t* begins, char* message) {
  return guarded(message, [&] { measure(columns, count, first, last, begins); });
}

int64_t tensorsmith_encode(const TensorsmithColumn* columns, int64_t count, int64_t first, int64_t last,
                           const int64_t* begins, uint8_t* out, char* message) {
  return guarded(message, [&] { encode(columns, count, first, last, begins, out); });
}

int64_t tensorsmith_open(const TensorsmithWanted* wanted, int64_t features, const uint8_t* const* records,
                         const int64_t* sizes, int64_t rows, TensorsmithExamples** examples, char* message) {
  return guarded(message, [&] {
    std::vector<Wanted> all;
    for (int64_t i = 0; i < features; ++i)
      all.push_back({std::string_view(wanted[i].name, static_cast<size_t>(wanted[i].name_size)), wanted[i].kind,
                     wanted[i].is_sequence != 0});
    *examples = new TensorsmithExamples(std::move(all), spans_of(records, sizes, rows));
  });
}

int64_t tensorsmith_check(const uint8_t* const* records, const int64_t* sizes, int64_t rows, char* message) {
  return guarded(message, [&] { Examples({}, spans_of(records, sizes, rows), true); });
}

void tensorsmith_close(TensorsmithExamples* examples) { delete examples; }

int64_t tensorsmith_survey(const uint8_t* const* records, const int64_t* sizes, int64_t rows,
                           TensorsmithSurvey** survey, int64_t* features, char* message) {
  return guarded(message, [&] {
    *survey = new TensorsmithSurvey(spans_of(records, sizes, rows));
    *features = static_cast<int64_t>((*survey)->features().size());
  });
}

void tensorsmith_surveyed(const TensorsmithSurvey* survey, TensorsmithFeature* out) {
  for (const Surveyed& feature : survey->features()) {
    *out++ = {reinterpret_cast<const uint8_t*>(feature.name.data()),
              static_cast<int64_t>(feature.name.size()),
              feature.is_sequence,
              feature.kinds,
              feature.rows,
              feature.counts.fewest,
              feature.counts.most,
              feature.steps.fewest,
              feature.steps.most};
  }
}

void tensorsmith_close_survey(TensorsmithSurvey* survey) { delete survey; }

void tensorsmith_counts(const TensorsmithExamples* examples, int64_t feature, uint8_t* present, int64_t* counts) {
  const bool is_sequence = examples->wanted(feature).is_sequence;
  for (int64_t row = 0; row < examples->rows(); ++row) {
    present[row] = examples->has(feature, row);
    counts[row] = is_sequence ? examples->steps(feature, row) : examples->count(feature, row);
  }
}

void tensorsmith_step_counts(const TensorsmithExamples* examples, int64_t feature, int64_t* counts) {
  for (int64_t row = 0; row < examples->rows(); ++row) {
    examples->step_counts(feature, row, counts);
    counts += examples->steps(feature, row);
  }
}

void tensorsmith_floats(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, float* out) {
  copy_rows(*examples, feature, begins, out);
}

void tensorsmith_integers(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, int64_t* out) {
  copy_rows(*examples, feature, begins, out);
}

void tensorsmith_bytes(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins,
                       TensorsmithSpan* out) {
  static_assert(sizeof(Span) == sizeof(TensorsmithSpan));
  auto* spans = reinterpret_cast<Span*>(out);
  std::memset(static_cast<void*>(spans + begins[0]), 0, (begins[examples->rows()] - begins[0]) * sizeof(Span));
  copy_rows(*examples, feature, begins, spans);
}

TensorsmithFile* tensorsmith_open_file(const uint8_t* path, int64_t path_size, int64_t* error) {
  try {
    return new TensorsmithFile{File::get(std::string(path, path + path_size))};
  } catch (const std::system_error& failure) {
    *error = failure.code().value();
  } catch (const std::exception&) {
    *error = ENOMEM;
  }
  return nullptr;
}

void tensorsmith_close_file(TensorsmithFile* file) { delete file; }

int64_t tensorsmith_read_file(const TensorsmithFile* file, int64_t begin, int64_t size, uint8_t* out) {
  return file->file->read(begin, size, out);
}

void tensorsmith_gather(const TensorsmithSpan* spans, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) out = put_bytes(out, spans[i].begin, spans[i].end - spans[i].begin);
}
