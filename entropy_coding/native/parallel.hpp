// Work on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace lic {

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
    std::vector<std::thread> helpers;
    helpers.reserve(threads - 1);
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
    try {
        while (helpers.size() < threads - 1) helpers.emplace_back(work, helpers.size() + 1);
    } catch (const std::system_error&) {
    }
    work(0);
    for (std::thread& helper : helpers) helper.join();
    for (const auto& error : errors) {
        if (error) std::rethrow_exception(error);
    }
}

}  // namespace lic
