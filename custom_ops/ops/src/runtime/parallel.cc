#include "runtime/parallel.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace tensorsmith {
namespace {

// One call of run_parallel. It is stored on the stack of the caller.
struct Job {
  void (*body)(const void*, int64_t, int64_t);
  const void* closure;
  int64_t count;
  int64_t grain;
  std::atomic<int64_t> next{0};  // first item not yet assigned
  int helpers = 0;               // active workers, guarded by the mutex of the pool
  int most_helpers;
  Job* behind = nullptr;
  std::mutex failing;
  std::exception_ptr failure;  // first exception

  // Processes ranges until none is left. An exception discards the remaining ranges.
  void work() {
    try {
      for (;;) {
        const int64_t begin = next.fetch_add(grain);
        if (begin >= count) return;
        body(closure, begin, begin + grain < count ? begin + grain : count);
      }
    } catch (...) {
      next.store(count);
      std::lock_guard<std::mutex> lock(failing);
      if (!failure) failure = std::current_exception();
    }
  }
  bool wants_help() const { return helpers < most_helpers && next.load() < count; }
};

int cores_of_this_process() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return cores > 0 ? cores : 1;
}

class Pool {
 public:
  // Never destroyed, as workers may outlive static objects.
  static Pool& get() {
    static Pool* pool = new Pool;
    return *pool;
  }

  // Adds a job, works on it in the calling thread, and waits for its helpers.
  void run(Job& job) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      try {
        for (; workers_ < job.most_helpers; ++workers_) std::thread([this] { serve(); }).detach();
      } catch (const std::system_error&) {
        // No further threads are available. The existing ones do the work.
      }
      job.behind = first_;
      first_ = &job;
    }
    for (int i = 0; i < job.most_helpers; ++i) work_.notify_one();
    job.work();
    std::unique_lock<std::mutex> lock(mutex_);
    Job** link = &first_;
    while (*link != &job) link = &(*link)->behind;
    *link = job.behind;
    done_.wait(lock, [&] { return job.helpers == 0; });
  }

  std::atomic<int> threads{cores_of_this_process()};

 private:
  Job* job_that_wants_help() const {
    for (Job* job = first_; job != nullptr; job = job->behind)
      if (job->wants_help()) return job;
    return nullptr;
  }

  // Loop of a worker.
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      Job* job = nullptr;
      work_.wait(lock, [&] { return (job = job_that_wants_help()) != nullptr; });
      ++job->helpers;
      lock.unlock();
      job->work();
      lock.lock();
      if (--job->helpers == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  Job* first_ = nullptr;
  int workers_ = 0;
};

}  // namespace

int thread_count() { return Pool::get().threads.load(); }

void run_parallel(int64_t count, int64_t grain, void (*body)(const void*, int64_t, int64_t), const void* closure) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  const int64_t ranges = (count + grain - 1) / grain;
  const int threads = thread_count();
  Job job;
  job.body = body;
  job.closure = closure;
  job.count = count;
  job.grain = grain;
  job.most_helpers = static_cast<int>(ranges < threads ? ranges : threads) - 1;
  if (job.most_helpers <= 0) {
    job.work();
  } else {
    Pool::get().run(job);
  }
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace tensorsmith

extern "C" __attribute__((visibility("default"))) void tensorsmith_set_threads(int count) {
  tensorsmith::Pool::get().threads.store(count < 1 ? tensorsmith::cores_of_this_process() : count);
}

extern "C" __attribute__((visibility("default"))) int tensorsmith_threads() { return tensorsmith::thread_count(); }
