// What Python calls by ctypes (tensorsmith/records/library.py), and TensorFlow's kernels directly: plain C, so that no
// template meets the kernels' copies for other instruction sets. Nothing throws across this border.
#pragma once

#include <cstdint>

extern "C" {

struct TensorsmithColumn;
struct TensorsmithExamples;
struct TensorsmithFile;
struct TensorsmithSurvey;

// A feature that is asked for.
struct TensorsmithWanted {
  const char* name;
  int64_t name_size;
  int64_t kind;  // 1: bytes, 2: float, 3: int64
  int64_t is_sequence;
};

// What `tensorsmith_scan` found; see frames.h.
struct TensorsmithScan {
  int64_t records, consumed, needed, damage;
};

struct TensorsmithSpan {
  const uint8_t* begin;
  const uint8_t* end;
};

// A feature that was met; see survey.h.
struct TensorsmithFeature {
  const uint8_t* name;
  int64_t name_size;
  int64_t is_sequence;
  int64_t kinds;                   // of values, a bit for each: 2: bytes, 4: float, 8: int64
  int64_t rows;                    // that have it
  int64_t fewest, most;            // values of a row, of a sequence steps
  int64_t fewest_step, most_step;  // values of a step
};

constexpr int64_t kTensorsmithMessageSize = 400;
constexpr int64_t kTensorsmithDone = -1, kTensorsmithNoMemory = -2;

uint32_t tensorsmith_crc32c(const uint8_t* data, int64_t size);

// Finds records within the bytes of a file.
void tensorsmith_scan(const uint8_t* data, int64_t size, int64_t check_data, int64_t most, int64_t* begins,
                      int64_t* sizes, TensorsmithScan* result);

// Where the first record lies that is whole and sound; see frames.h.
int64_t tensorsmith_find(const uint8_t* data, int64_t size);

// Puts frames around records that lie anywhere.
void tensorsmith_frame(const uint8_t* const* records, const int64_t* sizes, int64_t count, uint8_t* out);

// Where the framed records of rows begin and the last one ends, and the records. They return kTensorsmithDone, or
// kTensorsmithNoMemory with a message.
int64_t tensorsmith_measure(const TensorsmithColumn* columns, int64_t count, int64_t first, int64_t last,
                            int64_t* begins, char* message);
int64_t tensorsmith_encode(const TensorsmithColumn* columns, int64_t count, int64_t first, int64_t last,
                           const int64_t* begins, uint8_t* out, char* message);

// Reads records, and gives what was found, to be closed while they are still there. Returns the number of a record that
// cannot be read, with a message that says why; otherwise as above.
int64_t tensorsmith_open(const TensorsmithWanted* wanted, int64_t features, const uint8_t* const* records,
                         const int64_t* sizes, int64_t rows, TensorsmithExamples** examples, char* message);
// Reads records to their end, for nothing but to see that they can be read.
int64_t tensorsmith_check(const uint8_t* const* records, const int64_t* sizes, int64_t rows, char* message);
void tensorsmith_close(TensorsmithExamples* examples);

// Reads records to their end, and gives what features were met, to be closed while the records are still there.
int64_t tensorsmith_survey(const uint8_t* const* records, const int64_t* sizes, int64_t rows,
                           TensorsmithSurvey** survey, int64_t* features, char* message);
void tensorsmith_surveyed(const TensorsmithSurvey* survey, TensorsmithFeature* out);
void tensorsmith_close_survey(TensorsmithSurvey* survey);

// For each row whether it has the feature, and how many values; of sequences how many steps.
void tensorsmith_counts(const TensorsmithExamples* examples, int64_t feature, uint8_t* present, int64_t* counts);
// For each step of all rows how many values.
void tensorsmith_step_counts(const TensorsmithExamples* examples, int64_t feature, int64_t* counts);

// The values of each row, to where `begins`, with one more place for the end, says in values.
void tensorsmith_floats(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, float* out);
void tensorsmith_integers(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins, int64_t* out);
// Where each value that is bytes lies.
void tensorsmith_bytes(const TensorsmithExamples* examples, int64_t feature, const int64_t* begins,
                       TensorsmithSpan* out);

// A file to read parts of, to be closed; where it cannot be opened, nothing, and the error's number.
TensorsmithFile* tensorsmith_open_file(const uint8_t* path, int64_t path_size, int64_t* error);
void tensorsmith_close_file(TensorsmithFile* file);
// Copies a part; 0 where the file ends before.
int64_t tensorsmith_read_file(const TensorsmithFile* file, int64_t begin, int64_t size, uint8_t* out);

// Copies bytes from many places to one after the other.
void tensorsmith_gather(const TensorsmithSpan* spans, int64_t count, uint8_t* out);

}  // extern "C"
