// Work is done on all threads of WebAssembly's pool at once, and its exceptions come back.
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <numeric>
#include <stdexcept>

#include "../../entropy_coding/native/parallel.hpp"

#undef NDEBUG
#include <cassert>

extern "C" uint32_t lic_start_threads(uint32_t helpers);

namespace {

constexpr std::size_t kThreads = 4;

// Each piece of work waits for the others, as only threads that run at the same time can.
void meet() {
    std::mutex mutex;
    std::condition_variable all;
    std::size_t met = 0;
    std::vector<int> seen(kThreads);
    lic::run_parallel(kThreads, kThreads, [&](std::size_t, std::size_t thread) {
        std::unique_lock lock(mutex);
        ++seen[thread];
        ++met;
        all.notify_all();
        assert(all.wait_for(lock, std::chrono::seconds(60), [&] { return met == kThreads; }));
    });
    assert(seen == std::vector<int>(kThreads, 1));
}

void sum(std::size_t count, std::size_t threads) {
    std::vector<std::size_t> squares(count), of_thread(threads);
    lic::run_parallel(count, threads, [&](std::size_t i, std::size_t thread) {
        squares[i] = i * i;
        ++of_thread[thread];
    });
    for (std::size_t i = 0; i < count; ++i) assert(squares[i] == i * i);
    assert(std::accumulate(of_thread.begin(), of_thread.end(), std::size_t{0}) == count);
}

void fail() {
    std::size_t told = 0;
    try {
        lic::run_parallel(100, kThreads, [](std::size_t i, std::size_t) {
            if (i >= 40) throw std::out_of_range(std::to_string(i));
        });
    } catch (const std::out_of_range& error) {
        told = std::stoul(error.what());
    }
    assert(told == 40);
}

}  // namespace

int main() {
    sum(100, kThreads);  // no helper has been started
    assert(lic_start_threads(kThreads - 1) == kThreads);
    for (int round = 0; round < 200; ++round) {
        meet();
        sum(round, 1 + round % (2 * kThreads));
        fail();
    }
}
