// What fuzz targets share: a check, and without libFuzzer a main() that mutates a corpus by itself for
// some seconds:
//     TARGET SECONDS SEED CORPUS...      and with SECONDS 0 runs each file once.
//
// With clang, -fsanitize=fuzzer,address,undefined -DLIC_LIBFUZZER makes libFuzzer targets.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace lic::fuzz {

using Bytes = std::vector<uint8_t>;

inline void require(bool condition, const char* message) {
    if (condition) return;
    std::fprintf(stderr, "%s\n", message);
    std::abort();
}

inline void mutate(Bytes& input, std::mt19937& random) {
    for (int rounds = 1 + static_cast<int>(random() % 4); rounds > 0; --rounds) {
        if (input.empty()) return input.push_back(static_cast<uint8_t>(random()));
        const std::size_t at = random() % input.size();
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        switch (random() % 8) {
            case 0: *place ^= static_cast<uint8_t>(1u << random() % 8); break;
            case 1: *place = static_cast<uint8_t>(random()); break;
            case 2: *place = random() % 2 ? 0 : 255; break;
            case 3: input.resize(at); break;
            case 4: input.insert(place, 1 + random() % 9, static_cast<uint8_t>(random())); break;
            case 5: input.erase(place); break;
            case 6: input[std::min<std::size_t>(random() % 12, input.size() - 1)] =
                        static_cast<uint8_t>(random()); break;
            default: std::fill(place, std::min(place + 8, input.end()), uint8_t{255}); break;
        }
    }
    if (input.size() > 65536) input.resize(65536);
}

inline Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// What main() does; `valid` draws an input that is worth mutating.
inline int drive(int count, char** arguments, Bytes (*valid)(std::mt19937&)) {
    if (count < 3) return std::fprintf(stderr, "%s SECONDS SEED CORPUS...\n", arguments[0]), 2;
    const double seconds = std::atof(arguments[1]);
    std::mt19937 random(static_cast<uint32_t>(std::atoll(arguments[2])));
    std::vector<Bytes> corpus;
    for (int i = 3; i < count; ++i) {
        const std::filesystem::path path(arguments[i]);
        if (std::filesystem::is_directory(path)) {
            for (const auto& entry : std::filesystem::directory_iterator(path)) {
                corpus.push_back(read(entry.path()));
            }
        } else {
            corpus.push_back(read(path));
        }
    }
    for (const Bytes& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
    std::size_t runs = 0;
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    for (; passed() < seconds; ++runs) {
        Bytes input = corpus.empty() || random() % 4 == 0 ? valid(random)
                                                          : corpus[random() % corpus.size()];
        if (random() % 8 != 0) mutate(input, random);
        // What fails is left behind: the sanitizers end the process.
        if (const char* path = std::getenv("LIC_FUZZ_LAST")) {
            std::ofstream(path, std::ios::binary)
                .write(reinterpret_cast<const char*>(input.data()),
                       static_cast<std::streamsize>(input.size()));
        }
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%zu files, %zu mutated inputs in %.0f s: no fault\n", corpus.size(), runs, passed());
    return 0;
}

}  // namespace lic::fuzz
