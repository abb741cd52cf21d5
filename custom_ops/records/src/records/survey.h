// Survey of the features of records without prior knowledge.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records/wire.h"

namespace tensorsmith::records {

// Summary of a feature over all records, and its state in the current record.
struct Surveyed {
  // Minimum and maximum of counts.
  struct Range {
    int64_t fewest = INT64_MAX, most = -1;

    void add(int64_t count) {
      fewest = count < fewest ? count : fewest;
      most = count > most ? count : most;
    }
    void add(const Range& other) {
      if (other.most < 0) return;
      add(other.fewest);
      add(other.most);
    }
  };

  std::string_view name;  // points into the first record that has it
  bool is_sequence = false;
  uint32_t kinds = 0;  // bit mask of 1 << kind
  int64_t rows = 0;    // number of rows that have it
  Range counts;        // values per row, or steps per row for sequences
  Range steps;         // values per step

  struct Entry {
    bool is_met = false, is_in = false;
    uint32_t kinds = 0;
    int64_t count = 0;
    Range steps;
  } row;
};

// Reads all records. An invalid record is thrown as Refusal.
class Survey {
 public:
  explicit Survey(const std::vector<Span>& records);

  const std::vector<Surveyed>& features() const { return features_; }

 private:
  void read_map(Span map, bool sequences);
  Surveyed& feature(Span name, bool is_sequence);
  void close_row();

  std::vector<Surveyed> features_;
  std::unordered_map<std::string_view, size_t> numbers_[2];  // indices of context features and of sequences
  std::vector<size_t> met_;                                  // features of the current record
  size_t next_ = 0;                                          // expected next feature, as record order rarely changes
};

}  // namespace tensorsmith::records
