// Parsing of records into columns: the positions of requested features in each example, and their values.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records/columns.h"
#include "records/wire.h"

namespace tensorsmith::records {

// Request for a feature.
struct Wanted {
  std::string_view name;
  int64_t kind;
  bool is_sequence;
};

// Exception for an invalid record.
struct Refusal {
  int64_t row;
  char message[400];
};

Refusal refusal_of(int64_t row, Span record, const Malformed& error);

// Parsed records, with the positions of the requested features. Every read is checked against the end of the record,
// and every kind against the request; violations are thrown as Refusal. Records and names must outlive the object.
class Examples {
 public:
  // If `all`, features that are not requested are validated as well.
  Examples(std::vector<Wanted> wanted, std::vector<Span> records, bool all = false);

  int64_t rows() const { return static_cast<int64_t>(records_.size()); }
  int64_t features() const { return static_cast<int64_t>(wanted_.size()); }
  const Wanted& wanted(int64_t feature) const { return wanted_[feature]; }

  // Returns true if a row has the feature, even without values.
  bool has(int64_t feature, int64_t row) const { return at(feature, row).begin != nullptr; }

  // Number of steps of a sequence in a row, and the number of values of each step.
  int64_t steps(int64_t feature, int64_t row) const;
  void step_counts(int64_t feature, int64_t row, int64_t* out) const;
  // Number of values in a row, over all steps for sequences.
  int64_t count(int64_t feature, int64_t row) const;

  // Copies at most `most` values of a row, over all steps for sequences. Returns the total number of values. For kind
  // bytes, only addresses are copied.
  int64_t values(int64_t feature, int64_t row, float* out, int64_t most) const;
  int64_t values(int64_t feature, int64_t row, int64_t* out, int64_t most) const;
  int64_t values(int64_t feature, int64_t row, Span* out, int64_t most) const;

  [[noreturn]] void refuse(int64_t feature, int64_t row, const char* problem) const;

 private:
  // Value of a feature in the map of a row. For a Feature, the part that starts with its last kind.
  const Span& at(int64_t feature, int64_t row) const { return found_[row * features() + feature]; }

  void find(int64_t row);
  void find_in_map(int64_t row, Span map, bool sequences);
  int64_t number_of(Span name, bool sequences);
  Span checked(int64_t feature, Span value) const;
  Span checked_feature(int64_t feature, Span value) const;
  void check_unwanted(Span value, bool is_sequence) const;

  template <class Visit>
  void each_step(int64_t feature, int64_t row, Visit visit) const;
  template <class Visit>
  void each_list(int64_t feature, Span value, Visit visit) const;
  template <class Value, class Copy>
  int64_t copy(int64_t feature, int64_t row, Value* out, int64_t most, Copy copy) const;

  std::vector<Wanted> wanted_;
  std::vector<Span> records_;
  std::vector<Span> found_;
  std::unordered_map<std::string_view, int64_t> numbers_[2];  // indices of context features and of sequences
  std::map<int64_t, uint32_t> wrong_;  // features of the current row whose last entry has a wrong kind, and the kind
  bool all_;
  int64_t next_ = 0;  // expected next feature, as most records have the same order
};

}  // namespace tensorsmith::records
