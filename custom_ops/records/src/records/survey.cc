#include "records/survey.h"

#include "records/examples.h"
#include "records/features.h"

namespace tensorsmith::records {
namespace {

Surveyed::Entry read_feature(Span value) {
  uint32_t kind;
  const Span lists = last_lists(value, &kind);
  Surveyed::Entry entry = {true, kind != kNone, kind != kNone ? 1u << kind : 0, 0, {}};
  for (Reader reader(lists); !reader.done();) {
    const Field field = reader.field();
    if (field.number == kind) entry.count += count_list(kind, field.payload);
  }
  return entry;
}

Surveyed::Entry read_steps(Span value) {
  Surveyed::Entry entry = {true, true, 0, 0, {}};
  for (Reader reader(value); !reader.done();) {
    const Field field = reader.field();
    if (field.number != 1) continue;
    const Surveyed::Entry step = read_feature(payload_of(field));
    entry.kinds |= step.kinds;
    entry.steps.add(step.count);
    ++entry.count;
  }
  return entry;
}

}  // namespace

Survey::Survey(const std::vector<Span>& records) {
  for (size_t row = 0; row < records.size(); ++row) {
    try {
      for (Reader reader(records[row]); !reader.done();) {
        const Field field = reader.field();
        if (field.number == 1 || field.number == 2) read_map(payload_of(field), field.number == 2);
      }
    } catch (const Malformed& error) {
      throw refusal_of(static_cast<int64_t>(row), records[row], error);
    }
    close_row();
  }
}

void Survey::read_map(Span map, bool sequences) {
  for (Reader reader(map); !reader.done();) {
    const Field field = reader.field();
    if (field.number != 1) continue;
    const MapEntry entry = entry_of(field);
    // The last entry of a name takes effect.
    feature(entry.name, sequences).row = sequences ? read_steps(entry.value) : read_feature(entry.value);
  }
}

Surveyed& Survey::feature(Span name, bool is_sequence) {
  size_t number = next_;
  const auto is_it = [&](const Surveyed& one) { return one.is_sequence == is_sequence && one.name == text(name); };
  if (number >= features_.size() || !is_it(features_[number])) {
    const auto [place, is_new] = numbers_[is_sequence].emplace(text(name), features_.size());
    if (is_new) {
      features_.emplace_back();
      features_.back().name = text(name);
      features_.back().is_sequence = is_sequence;
    }
    number = place->second;
  }
  next_ = number + 1 < features_.size() ? number + 1 : 0;
  Surveyed& feature = features_[number];
  if (!feature.row.is_met) met_.push_back(number);
  return feature;
}

void Survey::close_row() {
  for (const size_t number : met_) {
    Surveyed& feature = features_[number];
    const Surveyed::Entry& row = feature.row;
    feature.kinds |= row.kinds;
    if (row.is_in) {
      ++feature.rows;
      feature.counts.add(row.count);
      feature.steps.add(row.steps);
    }
    feature.row = {};
  }
  met_.clear();
}

}  // namespace tensorsmith::records
