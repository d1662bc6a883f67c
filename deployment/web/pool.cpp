// Threads that wait for work. A browser does not start a worker before the code that asks for it
// has returned: so all are started with the module.
#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "../../entropy_coding/native/parallel.hpp"

namespace lic {
namespace {

using Work = std::function<void(std::size_t)>;

// Never destroyed: its threads wait until the module's end.
class Pool {
public:
    // Starts helpers beside the thread that calls, or as many as can be had.
    void start(std::size_t helpers) {
        try {
            while (started_ < helpers) {
                std::thread(&Pool::serve, this).detach();
                ++started_;
            }
        } catch (const std::system_error&) {
        }
    }

    std::size_t threads() const { return started_ + 1; }

    // A helper that comes too late is not waited for: the others have done its work.
    void run(std::size_t threads, const Work& work) {
        std::unique_lock lock(mutex_);
        work_ = &work;
        seats_ = threads - 1;
        ++round_;
        lock.unlock();
        begin_.notify_all();
        work(0);
        lock.lock();
        seats_ = 0;
        end_.wait(lock, [&] { return working_ == 0; });
    }

private:
    [[noreturn]] void serve() {
        // Emscripten wakes a thread that may be cancelled ten times a second.
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
        std::unique_lock lock(mutex_);
        for (std::size_t done = 0;; done = round_) {
            begin_.wait(lock, [&] { return seats_ > 0 && round_ != done; });
            const std::size_t thread = seats_--;
            ++working_;
            lock.unlock();
            (*work_)(thread);
            lock.lock();
            if (--working_ == 0) end_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable begin_, end_;
    std::size_t started_ = 0;
    const Work* work_ = nullptr;
    std::size_t seats_ = 0, working_ = 0, round_ = 0;
};

Pool& pool() {
    static Pool* const pool = new Pool;
    return *pool;
}

}  // namespace

void run_on_threads(std::size_t threads, const Work& work) { pool().run(threads, work); }

}  // namespace lic

// Starts helpers, once. Returns how many threads there are with the one that calls.
extern "C" uint32_t lic_start_threads(uint32_t helpers) {
    lic::pool().start(helpers);
    return static_cast<uint32_t>(lic::pool().threads());
}
