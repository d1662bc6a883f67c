#include "decoder.hpp"

#include <algorithm>

#include "parallel.hpp"

namespace lic {
namespace {

// A thread takes some 20 us to start: not worth it for fewer symbols.
constexpr std::size_t kSymbolsPerThread = 4096;

}  // namespace

ChunkDecoder::ChunkDecoder(const uint8_t* data, std::size_t size, int lanes_log)
    : data_(data), size_(size), back_(size), lanes_(std::size_t{1} << lanes_log) {
    front_ = lanes_ * kStateBytes;
    if (front_ > size) throw CorruptStream("the stream ends within its header");
    states_.fill(kLowestState);
    for (std::size_t lane = 0; lane < lanes_; ++lane) {
        uint64_t x = 0;
        for (std::size_t byte = 0; byte < kStateBytes; ++byte) {
            x |= uint64_t{data[lane * kStateBytes + byte]} << (8 * byte);
        }
        if (x < kLowestState) throw CorruptStream("a lane's state is out of range");
        states_[lane] = x;
    }
}

bool ChunkDecoder::escape_bit() {
    if (escape_count_ % 8 == 0) {
        if (back_ <= front_) throw CorruptStream("the stream ends within an escape");
        --back_;
    }
    const bool bit = data_[back_] >> (7 - escape_count_ % 8) & 1;
    ++escape_count_;
    return bit;
}

uint64_t ChunkDecoder::escape() {
    int zeros = 0;
    while (!escape_bit()) {
        if (++zeros > 32) throw CorruptStream("an escape is too long");
    }
    uint64_t value = 1;
    for (; zeros > 0; --zeros) value = value << 1 | static_cast<uint64_t>(escape_bit());
    return value - 1;
}

int32_t ChunkDecoder::complete(int32_t symbol, int32_t low) {
    const auto excess = static_cast<int64_t>(escape());
    const int64_t value = symbol == low ? symbol - excess : symbol + excess;
    if (value < INT32_MIN || value > INT32_MAX) throw CorruptStream("an escape is out of range");
    return static_cast<int32_t>(value);
}

void ChunkDecoder::get_mixture(const Tables& tables, const Kernels& kernels,
                               const MixtureArrays& arrays, std::size_t begin, std::size_t end,
                               int32_t* symbols) {
    MixtureBlock block;
    for (; begin < end; begin += kBlock) {
        const std::size_t count = std::min(kBlock, end - begin);
        kernels.prepare(tables, arrays, begin, count, block);
        const uint8_t* front = data_ + front_;
        bool escapes = false;
        // The words may run into the escapes here, which is noticed below.
        if (!kernels.decode(tables, block, static_cast<int>(arrays.components), count, lanes_,
                            states_.data(), &front, data_ + size_, symbols + begin, &escapes)) {
            throw CorruptStream("the stream ends too early");
        }
        front_ = static_cast<std::size_t>(front - data_);
        if (escapes) {
            for (std::size_t i = 0; i < count; ++i) {
                int32_t& symbol = symbols[begin + i];
                if (symbol == block.low[i] || symbol == block.high[i]) {
                    symbol = complete(symbol, block.low[i]);
                }
            }
        }
        if (front_ > back_) throw CorruptStream("the stream ends too early");
    }
}

void ChunkDecoder::get_factorized(const int32_t* channels, std::size_t count,
                                  const FactorizedArrays& arrays, int32_t* symbols) {
    for (std::size_t i = 0; i < count; ++i) {
        const TableRow row(arrays, channels[i]);
        uint64_t& state = states_[i & (lanes_ - 1)];
        const uint32_t slot = static_cast<uint32_t>(state) & (kTotal - 1);
        Interval interval;
        const int32_t symbol = row.find(slot, interval);
        uint64_t x = interval.frequency * (state >> kProbabilityBits) + (slot - interval.start);
        while (x < kLowestState) {
            if (back_ < front_ + 2) throw CorruptStream("the stream ends too early");
            x = x << kWordBits | data_[front_] | uint64_t{data_[front_ + 1]} << 8;
            front_ += 2;
        }
        state = x;
        const bool inside = symbol != row.low() && symbol != row.high();
        symbols[i] = inside ? symbol : complete(symbol, row.low());
    }
}

void ChunkDecoder::finish(uint32_t check) const {
    if (front_ != back_) throw CorruptStream("the stream is longer than its symbols");
    if (escape_count_ % 8 != 0) {
        const unsigned padding = data_[back_] & (0xFFu >> escape_count_ % 8);
        if (padding != 0) throw CorruptStream("the escapes' padding is not zero");
    }
    for (std::size_t lane = 0; lane < lanes_; ++lane) {
        if (states_[lane] != kLowestState + check) throw CorruptStream("the check value is wrong");
    }
}

Decoder::Decoder(const Tables& tables, const Kernels& kernels, const uint8_t* data,
                 std::size_t size, std::size_t threads)
    : tables_(tables), kernels_(kernels), data_(data, data + size), threads_(threads) {
    if (size == 0) throw CorruptStream("the stream is empty");
    const int lanes_log = data[0] & 15;
    chunks_log_ = data[0] >> 4;
    if (lanes_log > kMaximumLanesLog) throw CorruptStream("unknown number of lanes");
    if (chunks_log_ > kMaximumChunksLog) throw CorruptStream("unknown number of chunks");
    const std::size_t chunks = std::size_t{1} << chunks_log_;
    std::size_t at = 1 + 4 * (chunks - 1);
    if (at > size) throw CorruptStream("the stream ends within its header");
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        std::size_t length = size - at;
        if (chunk + 1 < chunks) {
            length = 0;
            for (std::size_t byte = 0; byte < 4; ++byte) {
                length |= std::size_t{data[1 + 4 * chunk + byte]} << (8 * byte);
            }
            if (length > size - at) throw CorruptStream("a chunk is longer than the stream");
        }
        chunks_.emplace_back(data_.data() + at, length, lanes_log);
        at += length;
    }
}

void Decoder::get_mixture(const MixtureArrays& arrays, int32_t* symbols) {
    const std::size_t threads = std::min(threads_, arrays.count / kSymbolsPerThread);
    run_parallel(chunks_.size(), threads, [&](std::size_t chunk, std::size_t) {
        chunks_[chunk].get_mixture(tables_, kernels_, arrays,
                                   share(arrays.count, chunk, chunks_log_),
                                   share(arrays.count, chunk + 1, chunks_log_), symbols);
    });
}

void Decoder::get_factorized(const int32_t* channels, std::size_t count,
                             const FactorizedArrays& arrays, int32_t* symbols) {
    const std::size_t threads = std::min(threads_, count / kSymbolsPerThread);
    run_parallel(chunks_.size(), threads, [&](std::size_t chunk, std::size_t) {
        const std::size_t begin = share(count, chunk, chunks_log_);
        const std::size_t end = share(count, chunk + 1, chunks_log_);
        chunks_[chunk].get_factorized(channels + begin, end - begin, arrays, symbols + begin);
    });
}

void Decoder::finish(uint32_t check) const {
    for (const ChunkDecoder& chunk : chunks_) chunk.finish(check);
}

}  // namespace lic
