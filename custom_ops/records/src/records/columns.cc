// Encoding of columns as framed tensorflow.Example records, or SequenceExample records if there are sequences.
//
// message Example { Features features = 1; }
// message SequenceExample { Features context = 1; FeatureLists feature_lists = 2; }
// message Features { map<string, Feature> feature = 1; }           entry: key = 1, value = 2
// message FeatureLists { map<string, FeatureList> feature_list = 1; }
// message FeatureList { repeated Feature feature = 1; }
// message Feature { BytesList = 1, FloatList = 2 or Int64List = 3; }   list: repeated value = 1, numbers packed
#include "records/columns.h"

#include <vector>

#include "records/frames.h"

namespace tensorsmith::records {
namespace {

// Payload of a list of values, without its tag and length.
struct List {
  int64_t begin, end;  // values
  int64_t packed;      // size of the packed numbers in bytes
  int64_t size;
};

List list_of(const Column& column, int64_t begin, int64_t end) {
  List list = {begin, end, 0, 0};
  if (column.kind == kBytes) {
    for (int64_t i = begin; i < end; ++i) list.size += field_size(column.bytes[i + 1] - column.bytes[i]);
    return list;
  }
  if (column.kind == kFloat) {
    list.packed = (end - begin) * static_cast<int64_t>(sizeof(float));
  } else {
    const auto* values = static_cast<const uint64_t*>(column.values);
    for (int64_t i = begin; i < end; ++i) list.packed += varint_size(values[i]);
  }
  list.size = list.packed > 0 ? field_size(list.packed) : 0;
  return list;
}

uint8_t* put_list(uint8_t* out, const Column& column, const List& list) {
  if (column.kind == kBytes) {
    const auto* bytes = static_cast<const uint8_t*>(column.values);
    for (int64_t i = list.begin; i < list.end; ++i) {
      const int64_t begin = column.bytes[i], size = column.bytes[i + 1] - begin;
      out = put_bytes(put_header(out, 1, size), bytes + begin, size);
    }
    return out;
  }
  if (list.packed == 0) return out;
  out = put_header(out, 1, list.packed);
  if (column.kind == kFloat) return put_bytes(out, static_cast<const float*>(column.values) + list.begin, list.packed);
  const auto* values = static_cast<const uint64_t*>(column.values);
  for (int64_t i = list.begin; i < list.end; ++i) out = put_varint(out, values[i]);
  return out;
}

uint8_t* put_feature(uint8_t* out, const Column& column, const List& list) {
  return put_list(put_header(out, static_cast<uint32_t>(column.kind), list.size), column, list);
}

// Sizes of one row: a list for each present feature, and for each step of a sequence. Nested sizes must be known before
// the bytes are written.
class Row {
 public:
  Row(const Column* columns, int64_t count) : columns_(columns), count_(count), entries_(count) {}

  // Measures a row. Returns the size of its record without the frame.
  int64_t look(int64_t row) {
    lists_.clear();
    context_ = sequences_ = 0;
    bool has_sequences = false;
    for (int64_t c = 0; c < count_; ++c) {
      const Column& column = columns_[c];
      Entry& entry = entries_[c] = {column.is_in(row), static_cast<int64_t>(lists_.size()), 0, 0};
      has_sequences |= column.is_sequence != 0;
      if (!entry.is_in) continue;
      const int64_t begin = column.rows[row], end = column.rows[row + 1];
      if (column.is_sequence == 0) {
        lists_.push_back(list_of(column, begin, end));
        entry.value = field_size(lists_.back().size);
      } else {
        for (int64_t step = begin; step < end; ++step) {
          lists_.push_back(list_of(column, column.steps[step], column.steps[step + 1]));
          entry.value += field_size(field_size(lists_.back().size));
        }
      }
      entry.lists = static_cast<int64_t>(lists_.size()) - entry.first;
      (column.is_sequence != 0 ? sequences_ : context_) += field_size(size_of(column, entry));
    }
    has_context_ = context_ > 0 || !has_sequences;
    has_lists_ = has_sequences;
    return (has_context_ ? field_size(context_) : 0) + (has_lists_ ? field_size(sequences_) : 0);
  }

  // Writes the row that was measured last.
  uint8_t* put(uint8_t* out) const {
    if (has_context_) out = put_all(put_header(out, 1, context_), false);
    if (has_lists_) out = put_all(put_header(out, 2, sequences_), true);
    return out;
  }

 private:
  struct Entry {
    bool is_in;
    int64_t first, lists;  // within lists_
    int64_t value;         // size of the value of the map entry
  };

  static int64_t size_of(const Column& column, const Entry& entry) {
    return field_size(column.name_size) + field_size(entry.value);
  }

  uint8_t* put_all(uint8_t* out, bool sequences) const {
    for (int64_t c = 0; c < count_; ++c) {
      const Column& column = columns_[c];
      const Entry& entry = entries_[c];
      if (!entry.is_in || (column.is_sequence != 0) != sequences) continue;
      out = put_header(out, 1, size_of(column, entry));
      out = put_bytes(put_header(out, 1, column.name_size), column.name, column.name_size);
      out = put_header(out, 2, entry.value);
      for (int64_t i = entry.first; i < entry.first + entry.lists; ++i) {
        if (sequences) out = put_header(out, 1, field_size(lists_[i].size));
        out = put_feature(out, column, lists_[i]);
      }
    }
    return out;
  }

  const Column* columns_;
  int64_t count_;
  std::vector<Entry> entries_;
  std::vector<List> lists_;
  int64_t context_ = 0, sequences_ = 0;
  bool has_context_ = false, has_lists_ = false;
};

}  // namespace

void measure(const Column* columns, int64_t count, int64_t first, int64_t last, int64_t* begins) {
  Row looked(columns, count);
  begins[0] = 0;
  for (int64_t row = first; row < last; ++row, ++begins) begins[1] = begins[0] + kHeader + looked.look(row) + kFooter;
}

void encode(const Column* columns, int64_t count, int64_t first, int64_t last, const int64_t* begins, uint8_t* out) {
  Row looked(columns, count);
  for (int64_t row = first; row < last; ++row, ++begins) {
    const int64_t size = looked.look(row);
    looked.put(out + kHeader);
    put_frame(out, size);
    out += begins[1] - begins[0];
  }
}

}  // namespace tensorsmith::records
