// The boundary to C: nothing is thrown beyond it.
#include <algorithm>
#include <cstring>
#include <memory>

#include "picture.hpp"

struct lic_weights {
    lic::deployment::Network network;
};

struct lic_file {
    lic::deployment::Picture picture;
};

namespace {

using lic::deployment::Bytes;
using lic::deployment::Failure;

constexpr uint32_t kMaximumThreads = 64;

lic_status report(lic_error* error, lic_status status, const char* message) {
    if (error) {
        error->status = status;
        const std::size_t size = std::min(std::strlen(message), sizeof(error->message) - 1);
        std::memcpy(error->message, message, size);
        error->message[size] = '\0';
    }
    return status;
}

// What a function's end or its exception says.
template <class Function>
lic_status guarded(lic_error* error, Function function) {
    try {
        function();
        return report(error, LIC_OK, "");
    } catch (const Failure& failure) {
        return report(error, failure.status, failure.what());
    } catch (const std::bad_alloc&) {
        return report(error, LIC_TOO_LARGE, "there is not enough memory for the picture");
    } catch (const std::length_error&) {
        return report(error, LIC_TOO_LARGE, "there is not enough memory for the picture");
    } catch (const std::exception& exception) {
        return report(error, LIC_ERROR, exception.what());
    } catch (...) {
        return report(error, LIC_ERROR, "an unknown exception");
    }
}

void require(bool condition, const char* message) {
    if (!condition) throw Failure(LIC_BAD_ARGUMENT, message);
}

}  // namespace

lic_status lic_weights_open(const uint8_t* data, size_t size, lic_weights** weights,
                            lic_error* error) {
    return guarded(error, [&] {
        require(weights, "there is no place for the weights");
        *weights = nullptr;
        require(data || size == 0, "there are no bytes of weights");
        *weights = new lic_weights{lic::deployment::Network(Bytes(data, size))};
    });
}

void lic_weights_digest(const lic_weights* weights, uint8_t digest[32]) {
    std::copy(weights->network.digest.begin(), weights->network.digest.end(), digest);
}

void lic_weights_close(lic_weights* weights) { delete weights; }

lic_status lic_open(const uint8_t* data, size_t size, uint64_t max_pixels, lic_file** file,
                    lic_error* error) {
    return guarded(error, [&] {
        require(file, "there is no place for the file");
        *file = nullptr;
        require(data || size == 0, "there are no bytes of a file");
        *file = new lic_file{lic::deployment::Picture(Bytes(data, size), max_pixels)};
    });
}

void lic_get_info(const lic_file* file, lic_info* info) { *info = file->picture.info(); }

const uint8_t* lic_get_metadata(const lic_file* file, lic_metadata kind, size_t* size) {
    const std::vector<uint8_t>* content = file->picture.metadata(kind);
    *size = content ? content->size() : 0;
    return content ? content->data() : nullptr;
}

void lic_close(lic_file* file) { delete file; }

lic_status lic_decode(const lic_file* file, const lic_weights* weights, uint32_t channels,
                      uint32_t threads, uint8_t* pixels, size_t stride, lic_error* error) {
    const lic_part all = file ? file->picture.all() : lic_part{};
    return lic_decode_part(file, weights, &all, channels, threads, pixels, stride, error);
}

lic_status lic_decode_part(const lic_file* file, const lic_weights* weights, const lic_part* part,
                           uint32_t channels, uint32_t threads, uint8_t* pixels, size_t stride,
                           lic_error* error) {
    return guarded(error, [&] {
        require(file && part && pixels, "there is no file, no part, or no place for its pixels");
        file->picture.decode(weights ? &weights->network : nullptr, *part, channels,
                             std::clamp<uint32_t>(threads, 1, kMaximumThreads), pixels, stride);
    });
}
