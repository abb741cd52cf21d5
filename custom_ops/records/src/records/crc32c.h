// CRC-32C, the checksum of TFRecord files, by the CPU's own instruction where it has one.
// Source: Castagnoli, Bräuer and Herrmann, "Optimization of Cyclic Redundancy-Check Codes", 1993; RFC 3720, B.4.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tensorsmith::records {

uint32_t crc32c(const uint8_t* data, size_t size);

// As it stands in files: rotated and shifted, since the checksum of a text that holds its own checksum tells little.
inline uint32_t masked_crc32c(const uint8_t* data, size_t size) {
  const uint32_t crc = crc32c(data, size);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

}  // namespace tensorsmith::records
