#include "records/crc32c.h"

#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace tensorsmith::records {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reversed bits of the polynomial
// The instruction has a latency of three cycles and a throughput of one per cycle, so three stretches are interleaved.
constexpr size_t kStretch = 128;

struct Tables {
  uint32_t step[8][256];      // effect of a byte on the checksum if followed by 0 to 7 bytes
  uint32_t stretch[4][256];   // effect of kStretch zero bytes on each byte of the checksum

  Tables() {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t crc = byte;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
      step[0][byte] = crc;
    }
    for (int more = 1; more < 8; ++more)
      for (int byte = 0; byte < 256; ++byte) step[more][byte] = after_zero(step[more - 1][byte]);
    for (int place = 0; place < 4; ++place)
      for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t crc = byte << 8 * place;
        for (size_t i = 0; i < kStretch; ++i) crc = after_zero(crc);
        stretch[place][byte] = crc;
      }
  }

  uint32_t after_zero(uint32_t crc) const { return step[0][crc & 255] ^ crc >> 8; }
  uint32_t after_stretch(uint32_t crc) const {
    return stretch[0][crc & 255] ^ stretch[1][crc >> 8 & 255] ^ stretch[2][crc >> 16 & 255] ^ stretch[3][crc >> 24];
  }
};

const Tables& tables() {
  static const Tables all;
  return all;
}

uint64_t load(const uint8_t* data) {
  uint64_t word;
  std::memcpy(&word, data, sizeof(word));
  return word;
}

// Processes 8 bytes per step (slicing-by-8).
uint32_t by_tables(uint32_t crc, const uint8_t* data, size_t size) {
  const auto& step = tables().step;
  for (; size >= 8; data += 8, size -= 8) {
    const uint64_t word = load(data) ^ crc;
    crc = 0;
    for (int i = 0; i < 8; ++i) crc ^= step[7 - i][word >> 8 * i & 255];
  }
  for (; size > 0; ++data, --size) crc = step[0][(crc ^ *data) & 255] ^ crc >> 8;
  return crc;
}

#if defined(__x86_64__)
#define TENSORSMITH_CRC32 __attribute__((target("sse4.2")))
#define TENSORSMITH_CRC32_WORD(crc, word) static_cast<uint32_t>(_mm_crc32_u64(crc, word))
#define TENSORSMITH_CRC32_BYTE(crc, byte) _mm_crc32_u8(crc, byte)
bool has_instruction() { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__ARM_FEATURE_CRC32)
#define TENSORSMITH_CRC32
#define TENSORSMITH_CRC32_WORD(crc, word) __crc32cd(crc, word)
#define TENSORSMITH_CRC32_BYTE(crc, byte) __crc32cb(crc, byte)
bool has_instruction() { return true; }
#endif

#if defined(TENSORSMITH_CRC32)
TENSORSMITH_CRC32 uint32_t by_instruction(uint32_t crc, const uint8_t* data, size_t size) {
  const Tables& all = tables();
  for (; size >= 3 * kStretch; data += 3 * kStretch, size -= 3 * kStretch) {
    uint32_t second = 0, third = 0;
    for (size_t i = 0; i < kStretch; i += 8) {
      crc = TENSORSMITH_CRC32_WORD(crc, load(data + i));
      second = TENSORSMITH_CRC32_WORD(second, load(data + kStretch + i));
      third = TENSORSMITH_CRC32_WORD(third, load(data + 2 * kStretch + i));
    }
    // Combines the checksums of the three stretches.
    crc = all.after_stretch(all.after_stretch(crc) ^ second) ^ third;
  }
  for (; size >= 8; data += 8, size -= 8) crc = TENSORSMITH_CRC32_WORD(crc, load(data));
  for (; size > 0; ++data, --size) crc = TENSORSMITH_CRC32_BYTE(crc, *data);
  return crc;
}
#else
bool has_instruction() { return false; }
uint32_t by_instruction(uint32_t crc, const uint8_t* data, size_t size) { return by_tables(crc, data, size); }
#endif

}  // namespace

uint32_t crc32c(const uint8_t* data, size_t size) {
  static const auto update = has_instruction() ? &by_instruction : &by_tables;
  return ~update(~uint32_t{0}, data, size);
}

}  // namespace tensorsmith::records
