#include "records/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <unordered_map>

namespace tensorsmith::records {
namespace {

constexpr size_t kMostFiles = 16'384;  // a quarter of Linux's default limit on mappings per process

[[noreturn]] void fail() { throw std::system_error(errno, std::generic_category()); }

// Jump target of this thread for a bus error, raised if the mapped file was truncated.
thread_local sigjmp_buf* landing = nullptr;
struct sigaction before;

void on_bus_error(int signal, siginfo_t* info, void* context) {
  if (landing != nullptr) siglongjmp(*landing, 1);
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
  sigaction(SIGBUS, &before, nullptr);  // the faulting instruction is executed again
}

void catch_bus_errors() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGBUS, &action, &before);
  });
}

// Copies mapped memory. Returns false on a bus error.
bool copy(uint8_t* out, const uint8_t* from, size_t size) {
  sigjmp_buf here;
  const bool arrived = sigsetjmp(here, 0) != 0;
  if (!arrived) {
    landing = &here;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    std::memcpy(out, from, size);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  landing = nullptr;
  return !arrived;
}

}  // namespace

std::shared_ptr<const File> File::get(const std::string& path) {
  static std::mutex mutex;
  static auto& files = *new std::unordered_map<std::string, std::shared_ptr<const File>>;  // threads may outlive main
  const std::lock_guard lock(mutex);
  const auto found = files.find(path);
  struct stat state;
  if (found != files.end()) {
    if (stat(path.c_str(), &state) == 0 && found->second->is(state)) return found->second;
    files.erase(found);
  }
  if (files.size() >= kMostFiles) files.clear();
  return files[path] = std::make_shared<const File>(path);
}

File::File(const std::string& path) {
  catch_bus_errors();
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail();
  void* memory = nullptr;
  const bool known = fstat(descriptor, &state_) == 0;
  if (known && state_.st_size > 0) memory = mmap(nullptr, state_.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
  const int error = errno;
  close(descriptor);
  errno = error;
  if (!known || memory == MAP_FAILED) fail();
  memory_ = static_cast<const uint8_t*>(memory);
}

File::~File() {
  if (memory_ != nullptr) munmap(const_cast<uint8_t*>(memory_), state_.st_size);
}

bool File::read(int64_t begin, int64_t size, uint8_t* out) const {
  if (begin < 0 || size < 0 || begin > state_.st_size - size) return false;
  return size == 0 || copy(out, memory_ + begin, static_cast<size_t>(size));
}

bool File::is(const struct stat& other) const {
  return state_.st_dev == other.st_dev && state_.st_ino == other.st_ino && state_.st_size == other.st_size &&
         state_.st_mtim.tv_sec == other.st_mtim.tv_sec && state_.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

}  // namespace tensorsmith::records
