// Places in memory that values use one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lic::networks {

class Slots {
public:
    // A free slot for so many bytes: the smallest that is large enough, or else the largest, grown.
    std::size_t take(std::size_t bytes) {
        auto best = free_.end();
        for (auto slot = free_.begin(); slot != free_.end(); ++slot) {
            if (best == free_.end() || better(sizes_[*slot], sizes_[*best], bytes)) best = slot;
        }
        if (best == free_.end()) {
            sizes_.push_back(bytes);
            return sizes_.size() - 1;
        }
        const std::size_t taken = *best;
        free_.erase(best);
        sizes_[taken] = std::max(sizes_[taken], bytes);
        return taken;
    }

    void give(std::size_t slot) { free_.push_back(slot); }

    const std::vector<std::size_t>& sizes() const { return sizes_; }

private:
    static bool better(std::size_t size, std::size_t than, std::size_t bytes) {
        const bool fits = size >= bytes;
        return fits != (than >= bytes) ? fits : fits ? size < than : size > than;
    }

    std::vector<std::size_t> sizes_;
    std::vector<std::size_t> free_;
};

}  // namespace lic::networks
