// Files with random access. They stay mapped into memory, because a system call per record takes five times as long as
// copying it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tensorsmith::records {

class File {
 public:
  // Returns the mapped file. It is mapped again if the file has changed. Throws std::system_error.
  static std::shared_ptr<const File> get(const std::string& path);

  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Copies a range of bytes. Returns false if the file is too short, even if it was truncated after mapping.
  bool read(int64_t begin, int64_t size, uint8_t* out) const;

 private:
  bool is(const struct stat& other) const;

  struct stat state_;
  const uint8_t* memory_ = nullptr;
};

}  // namespace tensorsmith::records
