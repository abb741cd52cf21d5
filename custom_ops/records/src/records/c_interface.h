// C interface for Python (ctypes, tensorsmith/records/library.py) and for the TensorFlow kernels. It is plain C, so
// that no template instance is shared with kernels compiled for other instruction sets. No function throws.
#pragma once

#include <cstdint>

extern "C" {

struct TensorsmithColumn;
struct TensorsmithExamples;
struct TensorsmithFile;
struct TensorsmithSurvey;

// Request for a feature.
struct TensorsmithWanted {
  const char* name;
  int64_t name_size;
  int64_t kind;  // 1: bytes, 2: float, 3: int64
  int64_t is_sequence;
};

// Result of `tensorsmith_scan`; see frames.h.
struct TensorsmithScan {
  int64_t records, consumed, needed, damage;
};

struct TensorsmithSpan {
  const uint8_t* begin;
  const uint8_t* end;
};

// Summary of a feature; see survey.h.
struct TensorsmithFeature {
  const uint8_t* name;
  int64_t name_size;
  int64_t is_sequence;
  int64_t kinds;                   // bit mask of 2: bytes, 4: float, 8: int64
  int64_t rows;                    // number of rows that have the feature
  int64_t fewest, most;            // values per row, or steps per row for sequences
  int64_t fewest_step, most_step;  // values per step
};

constexpr int64_t kTensorsmithMessageSize = 400;
constexpr int64_t kTensorsmithDone = -1, kTensorsmithNoMemory = -2;

uint32_t tensorsmith_crc32c(const uint8_t* data, int64_t size);

// Splits the bytes of a file into records; see frames.h.
void tensorsmith_scan(const uint8_t* data, int64_t size, int64_t check_data, int64_t most, int64_t* begins,
                      int64_t* sizes, TensorsmithScan* result);

// Returns the offset of the first complete and valid record; see frames.h.
int64_t tensorsmith_find(const uint8_t* data, int64_t size);

// Copies records from arbitrary addresses and adds frames.
void tensorsmith_frame(const uint8_t* const* records, const int64_t* sizes, int64_t count, uint8_t* out);

// Compute the offsets of the framed records of rows, and write the records. Return kTensorsmithDone, or
// kTensorsmithNoMemory with a message.
int64_t tensorsmith_measure(const TensorsmithColumn* columns, int64_t count, int64_t first, int64_t last,
                            int64_t* begins, char* message);
int64_t tensorsmith_encode(const TensorsmithColumn* columns, int64_t count, int64_t first, int64_t last,
                           const int64_t* begins, uint8_t* out, char* message);

// Parses records and creates a handle, which must be closed before the records are freed. Returns the index of an
// invalid record with a message, otherwise the codes above.
int64_t tensorsmith_open(const TensorsmithWanted* wanted, int64_t features, const uint8_t* const* records,
                         const int64_t* sizes, int64_t rows, TensorsmithExamples** examples, char* message);
// Checks that records are valid.
int64_t tensorsmith_check(const uint8_t* const* records, const int64_t* sizes, int64_t rows, char* message);
void tensorsmith_close(TensorsmithExamples* examples);

// Summarizes the features of records and creates a handle, which must be closed before the records are freed.
int64_t tensorsmith_survey(const uint8_t* const* records, const int64_t* sizes, int64_t rows,
                           TensorsmithSurvey** survey, int64_t* features, char* message);
void tensorsmith_surveyed(const TensorsmithSurvey* survey, TensorsmithFeature* out);
void tensorsmith_close_survey(TensorsmithSurvey* survey);

// For each row, writes whether it has the feature, and its number of values, or of steps for sequences.
void tensorsmith_counts(const TensorsmithExamples* examples, int64_t feature, uint8_t* present, int64_t* counts);
// Writes the number of values of each step of all rows.
void tensorsmith_step_counts(const TensorsmithExamples* examples, int64_t feature, int64_t* counts);

// Copies the values of each row. `begins` holds the index of the first value of each row, followed by the end.
void tensorsmith_floats(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, float* out);
void tensorsmith_integers(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, int64_t* out);
// Writes the addresses of values of kind bytes.
void tensorsmith_bytes(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins,
                       TensorsmithSpan* out);

// Opens a file, which must be closed. Returns a null pointer and sets `error` to errno on failure.
TensorsmithFile* tensorsmith_open_file(const uint8_t* path, int64_t path_size, int64_t* error);
void tensorsmith_close_file(TensorsmithFile* file);
// Copies a range of bytes. Returns 0 if the file is too short.
int64_t tensorsmith_read_file(const TensorsmithFile* file, int64_t begin, int64_t size, uint8_t* out);

// Concatenates bytes from several addresses.
void tensorsmith_gather(const TensorsmithSpan* spans, int64_t count, uint8_t* out);

}  // extern "C"
