// Work on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

namespace lic {

// Calls work(0) here and, at the same time, some or all of work(1) .. work(threads - 1), each on a
// thread of its own, as far as threads can be had. `work` does not throw.
#if defined(LIC_THREAD_POOL)
// A program that cannot start threads at any time brings this one.
void run_on_threads(std::size_t threads, const std::function<void(std::size_t)>& work);
#else
template <class Work>
void run_on_threads(std::size_t threads, const Work& work) {
    std::vector<std::thread> helpers;
    helpers.reserve(threads - 1);
    try {
        while (helpers.size() < threads - 1) helpers.emplace_back(work, helpers.size() + 1);
    } catch (const std::system_error&) {
    }
    work(0);
    for (std::thread& helper : helpers) helper.join();
}
#endif

// Calls f(0, thread) .. f(count - 1, thread), on up to that many threads, numbered from 0; rethrows
// the exception of the first that failed. Where no thread can be had, those that run do all the
// work.
template <class F>
void run_parallel(std::size_t count, std::size_t threads, F&& f) {
    threads = std::min(threads, count);
    if (threads <= 1) {
        for (std::size_t i = 0; i < count; ++i) f(i, 0);
        return;
    }
    std::vector<std::exception_ptr> errors(count);
    std::atomic<std::size_t> next{0};
    const auto work = [&](std::size_t thread) {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                f(i, thread);
            } catch (...) {
                errors[i] = std::current_exception();
            }
        }
    };
    run_on_threads(threads, std::cref(work));
    for (const auto& error : errors) {
        if (error) std::rethrow_exception(error);
    }
}

}  // namespace lic
