// What features some records hold, of which nothing is known before.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records/wire.h"

namespace tensorsmith::records {

// A feature as it was met in the records, and in the one that is being read.
struct Surveyed {
  // A least and a greatest number.
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

  std::string_view name;  // lies in the first record that has it
  bool is_sequence = false;
  uint32_t kinds = 0;  // 1 << kind of each one met
  int64_t rows = 0;    // that have it
  Range counts;        // values of a row; of a sequence steps
  Range steps;         // values of a step

  struct Entry {
    bool is_met = false, is_in = false;
    uint32_t kinds = 0;
    int64_t count = 0;
    Range steps;
  } row;
};

// Reads records to their end. What is wrong with one is thrown as Refusal.
class Survey {
 public:
  explicit Survey(const std::vector<Span>& records);

  const std::vector<Surveyed>& features() const { return features_; }

 private:
  void read_map(Span map, bool sequences);
  Surveyed& feature(Span name, bool is_sequence);
  void close_row();

  std::vector<Surveyed> features_;
  std::unordered_map<std::string_view, size_t> numbers_[2];  // of features in the context, and of sequences
  std::vector<size_t> met_;                                  // in the record that is being read
  size_t next_ = 0;                                          // features mostly come in one order
};

}  // namespace tensorsmith::records
