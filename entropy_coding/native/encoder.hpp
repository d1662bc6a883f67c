// The rANS encoder. Three things that surprise:
//   1. rANS encodes backwards, so put_* only record intervals; finish() codes them, last one first.
//   2. The initial states are not constant: their low 24 bits carry the check value, which the
//      decoder finds in its final states.
//   3. Every call's symbols are divided evenly among the chunks, each of which has lanes of its own:
//      symbol i of its share belongs to lane i mod N, and every call starts at lane 0. The lanes of
//      a chunk share one sequence of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "factorized.hpp"
#include "kernels.hpp"

namespace lic {

constexpr int kMaximumChunksLog = 4;

// The first symbol of chunk c's share of a call.
constexpr std::size_t share(std::size_t count, std::size_t chunk, int chunks_log) {
    return static_cast<std::size_t>(static_cast<uint64_t>(count) * chunk >> chunks_log);
}

// Leaves the elements of a vector that grows as they are, since all are written right after.
template <class T>
struct Uninitialized : std::allocator<T> {
    template <class U>
    struct rebind {
        using other = Uninitialized<U>;
    };
    using std::allocator<T>::allocator;
    template <class U>
    void construct(U* at) noexcept {
        ::new (static_cast<void*>(at)) U;
    }
};

// How many of the 2^18 counts each of arrays.count symbols has; those beyond its window have one.
void mixture_counts(const Tables& tables, const Kernels& kernels, const int32_t* symbols,
                    const MixtureArrays& arrays, int32_t* counts);

class Encoder {
public:
    Encoder(const Tables& tables, const Kernels& kernels) : tables_(tables), kernels_(kernels) {}

    void put_mixture(const int32_t* symbols, const MixtureArrays& arrays);
    void put_factorized(const int32_t* symbols, const int32_t* channels, std::size_t count,
                        const FactorizedArrays& arrays);

    // An estimate of the bits recorded so far, times 2^16; the same on every machine.
    uint64_t cost() const { return cost_; }

    // The ideal code length of what was recorded so far, escape bits included.
    double ideal_bits() const;

    std::vector<uint8_t> finish(int lanes_log, int chunks_log, uint32_t check) const;

private:
    // A symbol at an end of its window, and how far beyond it lies.
    struct Escape {
        std::size_t position;
        uint64_t excess;
    };

    Interval* extend(std::size_t count);
    void count_cost(const Interval* intervals, std::size_t count);
    void put_escape(std::size_t position, int32_t symbol, int32_t low, int32_t high);
    std::vector<uint8_t> encode_chunk(int lanes_log, std::size_t chunk, int chunks_log,
                                      uint32_t check) const;

    const Tables& tables_;
    const Kernels& kernels_;
    std::vector<Interval, Uninitialized<Interval>> intervals_;
    std::vector<std::size_t> call_sizes_;
    std::vector<Escape> escapes_;
    std::size_t escape_bits_ = 0;
    uint64_t cost_ = 0;
};

}  // namespace lic
