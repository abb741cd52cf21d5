// Files that are read here and there: they stay mapped into memory, since a system call for each record takes five
// times as long as copying it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tensorsmith::records {

class File {
 public:
  // The file of this name, be it another one than the last time. Throws std::system_error.
  static std::shared_ptr<const File> get(const std::string& path);

  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Copies a part; false where the file ends before, be it that somebody has cut it short meanwhile.
  bool read(int64_t begin, int64_t size, uint8_t* out) const;

 private:
  bool is(const struct stat& other) const;

  struct stat state_;
  const uint8_t* memory_ = nullptr;
};

}  // namespace tensorsmith::records
