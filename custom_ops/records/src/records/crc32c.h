// CRC-32C, the checksum of TFRecord files. It uses the CPU instruction where available.
// Source: Castagnoli, Bräuer and Herrmann, "Optimization of Cyclic Redundancy-Check Codes", 1993; RFC 3720, B.4.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tensorsmith::records {

uint32_t crc32c(const uint8_t* data, size_t size);

// Masked checksum as stored in files. It is rotated and shifted, because a CRC over data that contain a CRC is weak.
inline uint32_t masked_crc32c(const uint8_t* data, size_t size) {
  const uint32_t crc = crc32c(data, size);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

}  // namespace tensorsmith::records
