// From records to columns: where the features asked for lie in each example, and their values.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records/columns.h"
#include "records/wire.h"

namespace tensorsmith::records {

// A feature that is asked for.
struct Wanted {
  std::string_view name;
  int64_t kind;
  bool is_sequence;
};

// Why a record cannot be had, in words.
struct Refusal {
  int64_t row;
  char message[400];
};

Refusal refusal_of(int64_t row, Span record, const Malformed& error);

// Some records, read as far as where the wanted features lie in them. Every read is checked against the record's end,
// and kinds against what was asked for; what is wrong is thrown as Refusal. Records and names must outlive it.
class Examples {
 public:
  // `all` has the features that are not wanted checked as well.
  Examples(std::vector<Wanted> wanted, std::vector<Span> records, bool all = false);

  int64_t rows() const { return static_cast<int64_t>(records_.size()); }
  int64_t features() const { return static_cast<int64_t>(wanted_.size()); }
  const Wanted& wanted(int64_t feature) const { return wanted_[feature]; }

  // Whether a row has the feature, be it without values.
  bool has(int64_t feature, int64_t row) const { return at(feature, row).begin != nullptr; }

  // How many steps a row has of a sequence, and how many values each has.
  int64_t steps(int64_t feature, int64_t row) const;
  void step_counts(int64_t feature, int64_t row, int64_t* out) const;
  // How many values a row has, of a sequence in all steps.
  int64_t count(int64_t feature, int64_t row) const;

  // Copies a row's values, of a sequence those of all steps, but not more than `most`; returns how many there are.
  // Bytes stay where they are.
  int64_t values(int64_t feature, int64_t row, float* out, int64_t most) const;
  int64_t values(int64_t feature, int64_t row, int64_t* out, int64_t most) const;
  int64_t values(int64_t feature, int64_t row, Span* out, int64_t most) const;

  [[noreturn]] void refuse(int64_t feature, int64_t row, const char* problem) const;

 private:
  // What a row's map holds for a feature: of a Feature the part from where its last kind begins.
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
  std::unordered_map<std::string_view, int64_t> numbers_[2];  // of the features in the context, and of sequences
  bool all_;
  int64_t next_ = 0;  // features mostly come in one order
};

}  // namespace tensorsmith::records
