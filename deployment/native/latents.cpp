#include "latents.hpp"

#include <algorithm>

#include "../../entropy_coding/native/check.hpp"
#include "../../entropy_coding/native/decoder.hpp"

namespace lic::deployment {
namespace {

constexpr int64_t kStep = 64;  // units of a latent in a quantization step
constexpr int64_t kLatentLimit = (1 << 24) - 1;
constexpr int32_t kSideLimit = 511;

// Where in a cell of 2 x 2 a quarter of the channels is coded in a step.
struct Place {
    std::size_t row, column;
};
constexpr Place kPlaces[] = {{0, 0}, {1, 1}, {0, 1}, {1, 0}};

// A stream with the check value of what comes out of it.
class CheckedDecoder {
public:
    CheckedDecoder(const Network& network, Bytes stream, std::size_t threads)
        : decoder_(network.tables, kernels(), stream.data(), stream.size(), threads),
          check_(kernels()) {}

    std::vector<int32_t> side_information(const Network& network, int64_t quality,
                                          std::size_t places) {
        const std::size_t channels = network.side_channels();
        const auto length = static_cast<int32_t>(network.side_width()) - 1;
        const std::vector<int32_t> lengths(channels, length), lows(channels, -(length / 2));
        std::vector<int32_t> of_symbols(checked_size(places, channels));
        for (std::size_t i = 0; i < of_symbols.size(); ++i) {
            of_symbols[i] = static_cast<int32_t>(i % channels);
        }
        std::vector<int32_t> symbols(of_symbols.size());
        decoder_.get_factorized(of_symbols.data(), symbols.size(),
                                {network.side_counts(quality), lows.data(), lengths.data(),
                                 network.side_width()},
                                symbols.data());
        check_.add(symbols.data(), symbols.size());
        return symbols;
    }

    // A step's latents in 1/64 step, of which those that are not sure of their centres are coded.
    std::vector<int32_t> latents(const Mixtures& mixtures, uint32_t skip_below) {
        const std::size_t count = mixtures.centres.size();
        std::vector<std::size_t> coded;
        for (std::size_t i = 0; i < count; ++i) {
            bool sure = true;
            for (std::size_t k = 0; k < mixtures.components; ++k) {
                sure &= mixtures.scales[k * count + i] < skip_below;
            }
            if (!sure) coded.push_back(i);
        }
        const auto chosen = [&](const auto& all) {
            std::remove_cvref_t<decltype(all)> some;
            some.reserve(mixtures.components * coded.size());
            for (std::size_t k = 0; k < mixtures.components; ++k) {
                for (const std::size_t i : coded) some.push_back(all[k * count + i]);
            }
            return some;
        };
        const auto logits = chosen(mixtures.logits);
        const auto means = chosen(mixtures.means);
        const auto scales = chosen(mixtures.scales);
        std::vector<int32_t> symbols(coded.size());
        decoder_.get_mixture({logits.data(), means.data(), scales.data(), mixtures.components,
                              coded.size()},
                             symbols.data());
        check_.add(symbols.data(), symbols.size());
        std::vector<int32_t> values = mixtures.centres;
        const auto limited = [](int64_t value) {
            return static_cast<int32_t>(std::clamp(value, -kLatentLimit, kLatentLimit));
        };
        for (std::size_t i = 0; i < coded.size(); ++i) {
            values[coded[i]] = limited(values[coded[i]] + kStep * symbols[i]);
        }
        for (int32_t& value : values) value = limited(value);
        check_.add(values.data(), values.size());
        return values;
    }

    void finish() const { decoder_.finish(check_.value()); }

private:
    static const lic::Kernels& kernels() { return lic::best_kernels(""); }

    lic::Decoder decoder_;
    lic::CheckValue check_;
};

std::vector<int16_t> shown_side(const std::vector<int32_t>& symbols) {
    std::vector<int16_t> shown;
    for (const int32_t symbol : symbols) {
        shown.push_back(static_cast<int16_t>(kStep * std::clamp(symbol, -kSideLimit, kSideLimit)));
    }
    return shown;
}

// Puts a step's latents (rows / 2, columns / 2, M) in their places in `decoded`.
void scatter(const std::vector<int32_t>& latents, std::size_t step, std::size_t columns,
             const std::vector<int32_t>& gains, std::vector<int16_t>& decoded) {
    const std::size_t channels = gains.size(), quarter = channels / kSteps;
    const std::size_t cells = columns / 2;
    const int32_t* from = latents.data();
    for (std::size_t cell = 0; cell < latents.size() / channels; ++cell) {
        for (std::size_t group = 0; group < kSteps; ++group) {
            const Place place = kPlaces[group ^ step];
            const std::size_t row = cell / cells * 2 + place.row;
            const std::size_t column = cell % cells * 2 + place.column;
            int16_t* to = decoded.data() + (row * columns + column) * channels;
            for (std::size_t c = group * quarter; c < (group + 1) * quarter; ++c) {
                to[c] = saturate((int64_t{*from++} * gains[c] + (1 << 19)) >> 20);
            }
        }
    }
}

}  // namespace

std::vector<int16_t> decode_latents(const Network& network, Bytes stream, std::size_t rows,
                                    std::size_t columns, const Header& header,
                                    std::size_t threads) {
    try {
        const std::size_t side_rows = rows / kSideStride, side_columns = columns / kSideStride;
        CheckedDecoder decoder(network, stream, threads);
        const std::vector<int16_t> side = shown_side(
            decoder.side_information(network, header.quality, side_rows * side_columns));
        const std::vector<int16_t> features = network.hyper_synthesis.run(
            {side.data()}, side_rows, side_columns, header.quality, threads);
        std::vector<int32_t> gains = network.from_steps.at(header.quality);
        for (int32_t& gain : gains) gain = exp2(gain);
        std::vector<int16_t> decoded(checked_size(rows, columns, network.latents()));
        for (std::size_t step = 0; step < kSteps; ++step) {
            const Mixtures mixtures = network.steps[step].run_mixture(
                {features.data(), decoded.data()}, rows, columns, header.quality, threads);
            scatter(decoder.latents(mixtures, header.skip_below), step, columns, gains, decoded);
        }
        decoder.finish();
        if (network.corrector) {
            const std::vector<int16_t> addends = network.corrector->run(
                {features.data()}, rows, columns, header.quality, threads);
            for (std::size_t i = 0; i < decoded.size(); ++i) {
                decoded[i] = saturate(decoded[i] + addends[i]);
            }
        }
        return decoded;
    } catch (const lic::CorruptStream& error) {
        throw Failure(LIC_CORRUPT,
                      std::string("the picture's data does not decode: ") + error.what());
    }
}

}  // namespace lic::deployment
