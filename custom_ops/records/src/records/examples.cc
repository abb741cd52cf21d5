#include "records/examples.h"

#include <algorithm>
#include <cstdio>

#include "records/features.h"

namespace tensorsmith::records {
namespace {

constexpr const char* kNames[] = {"nothing", "bytes", "float", "int64"};
constexpr const char* kHolds[] = {"", "got bytes", "got float", "got int64"};

// Exception for a feature of another kind than requested.
struct WrongKind {
  uint32_t kind;
};

// The copy functions write values as far as there is room and return the total number.
struct CopyFloats {
  int64_t operator()(Span list, float* out, int64_t room) const {
    int64_t count = 0;
    for (Reader reader(list); !reader.done();) {
      const Field field = reader.field();
      if (field.number != 1) continue;
      const int64_t more = field.payload.size() / static_cast<int64_t>(sizeof(float));  // validated during parsing
      const int64_t fits = std::max<int64_t>(0, std::min(more, room - count));
      if (fits > 0) std::memcpy(out + count, field.payload.begin, fits * sizeof(float));
      count += more;
    }
    return count;
  }
};

struct CopyIntegers {
  int64_t operator()(Span list, int64_t* out, int64_t room) const {
    int64_t count = 0;
    const auto take = [&](uint64_t value) {
      if (count < room) out[count] = static_cast<int64_t>(value);
      ++count;
    };
    for (Reader reader(list); !reader.done();) {
      const Field field = reader.field();
      if (field.number != 1) continue;
      if (field.wire == kVarint) {
        take(field.value);
      } else {
        for (Reader packed(field.payload); !packed.done();) take(packed.varint());
      }
    }
    return count;
  }
};

struct CopyBytes {
  int64_t operator()(Span list, Span* out, int64_t room) const {
    int64_t count = 0;
    for (Reader reader(list); !reader.done();) {
      const Field field = reader.field();
      if (field.number != 1) continue;
      if (count < room) out[count] = field.payload;
      ++count;
    }
    return count;
  }
};

}  // namespace

Refusal refusal_of(int64_t row, Span record, const Malformed& error) {
  Refusal refusal = {row, {}};
  std::snprintf(refusal.message, sizeof(refusal.message), "not a tf.train.Example: %s, at byte %lld", error.what,
                static_cast<long long>(error.at - record.begin));
  return refusal;
}

Examples::Examples(std::vector<Wanted> wanted, std::vector<Span> records, bool all)
    : wanted_(std::move(wanted)), records_(std::move(records)), found_(features() * rows()), all_(all) {
  for (int64_t i = 0; i < features(); ++i) numbers_[wanted_[i].is_sequence].emplace(wanted_[i].name, i);
  for (int64_t row = 0; row < rows(); ++row) find(row);
}

void Examples::find(int64_t row) {
  const Span record = records_[row];
  try {
    for (Reader reader(record); !reader.done();) {
      const Field field = reader.field();
      if (field.number == 1 || field.number == 2) find_in_map(row, payload_of(field), field.number == 2);
    }
  } catch (const Malformed& error) {
    throw refusal_of(row, record, error);
  }
  if (!wrong_.empty()) refuse(wrong_.begin()->first, row, kHolds[wrong_.begin()->second]);
}

void Examples::find_in_map(int64_t row, Span map, bool sequences) {
  for (Reader reader(map); !reader.done();) {
    const Field field = reader.field();
    if (field.number != 1) continue;
    const auto [name, value] = entry_of(field);
    const int64_t feature = number_of(name, sequences);
    if (feature < 0) {
      if (all_) check_unwanted(value, sequences);
      continue;
    }
    try {
      found_[row * features() + feature] = checked(feature, value);  // the last entry of a name takes effect
      if (!wrong_.empty()) wrong_.erase(feature);
    } catch (const WrongKind& wrong) {
      wrong_[feature] = wrong.kind;
    }
  }
}

// Returns the index of a requested feature, or -1.
int64_t Examples::number_of(Span name, bool sequences) {
  int64_t number = next_;
  if (number == features() || wanted_[number].is_sequence != sequences || wanted_[number].name != text(name)) {
    const auto entry = numbers_[sequences].find(text(name));
    if (entry == numbers_[sequences].end()) return -1;
    number = entry->second;
  }
  next_ = number + 1 < features() ? number + 1 : 0;
  return number;
}

Span Examples::checked(int64_t feature, Span value) const {
  if (!wanted_[feature].is_sequence) return checked_feature(feature, value);
  for (Reader reader(value); !reader.done();) {
    const Field step = reader.field();
    if (step.number == 1) checked_feature(feature, payload_of(step));
  }
  return value;
}

Span Examples::checked_feature(int64_t feature, Span value) const {
  uint32_t kind = kNone;
  const Span lists = last_lists(value, &kind);
  if (kind != kNone && kind != wanted_[feature].kind) throw WrongKind{kind};
  return lists;
}

void Examples::check_unwanted(Span value, bool is_sequence) const {
  uint32_t kind;
  if (!is_sequence) {
    last_lists(value, &kind);
    return;
  }
  for (Reader reader(value); !reader.done();) {
    const Field step = reader.field();
    if (step.number == 1) last_lists(payload_of(step), &kind);
  }
}

void Examples::refuse(int64_t feature, int64_t row, const char* problem) const {
  const std::string_view name = wanted_[feature].name.substr(0, 100);
  Refusal refusal = {row, {}};
  std::snprintf(refusal.message, sizeof(refusal.message), "feature `%.*s`: %s, expected %s",
                static_cast<int>(name.size()), name.data(), problem, kNames[wanted_[feature].kind]);
  throw refusal;
}

template <class Visit>
void Examples::each_step(int64_t feature, int64_t row, Visit visit) const {
  const Span value = at(feature, row);
  if (!wanted_[feature].is_sequence) return visit(value);
  for (Reader reader(value); !reader.done();) {
    const Field step = reader.field();
    if (step.number == 1) visit(checked_feature(feature, step.payload));
  }
}

template <class Visit>
void Examples::each_list(int64_t feature, Span value, Visit visit) const {
  for (Reader reader(value); !reader.done();) {
    const Field field = reader.field();
    if (field.number == wanted_[feature].kind) visit(field.payload);
  }
}

int64_t Examples::steps(int64_t feature, int64_t row) const {
  int64_t count = 0;
  each_step(feature, row, [&](Span) { ++count; });
  return count;
}

void Examples::step_counts(int64_t feature, int64_t row, int64_t* out) const {
  each_step(feature, row, [&](Span step) {
    *out = 0;
    each_list(feature, step, [&](Span list) { *out += count_list(wanted_[feature].kind, list); });
    ++out;
  });
}

int64_t Examples::count(int64_t feature, int64_t row) const {
  int64_t count = 0;
  each_step(feature, row, [&](Span step) {
    each_list(feature, step, [&](Span list) { count += count_list(wanted_[feature].kind, list); });
  });
  return count;
}

template <class Value, class Copy>
int64_t Examples::copy(int64_t feature, int64_t row, Value* out, int64_t most, Copy copy) const {
  int64_t count = 0;
  each_step(feature, row, [&](Span step) {
    each_list(feature, step, [&](Span list) { count += copy(list, out + count, most - count); });
  });
  return count;
}

int64_t Examples::values(int64_t feature, int64_t row, float* out, int64_t most) const {
  return copy(feature, row, out, most, CopyFloats());
}
int64_t Examples::values(int64_t feature, int64_t row, int64_t* out, int64_t most) const {
  return copy(feature, row, out, most, CopyIntegers());
}
int64_t Examples::values(int64_t feature, int64_t row, Span* out, int64_t most) const {
  return copy(feature, row, out, most, CopyBytes());
}

}  // namespace tensorsmith::records
