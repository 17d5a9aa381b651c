// Text for made job files and made answers: a seeded stream of numbers, and a pool of words as they stand inside a JSON
// string (escapes, accents, CJK, emoji), of which slices are cut at the borders of words.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace offpeak::bench {

// SplitMix64: the same numbers everywhere for the same seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // In (0, 1].
  double unit() { return (static_cast<double>(next() >> 11) + 1.0) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

class TextPool {
 public:
  TextPool(std::uint64_t seed, std::size_t bytes) {
    static constexpr std::array<std::string_view, 40> words{"the",
                                                            "batch",
                                                            "of",
                                                            "requests",
                                                            "that",
                                                            "can",
                                                            "wait",
                                                            "runs",
                                                            "at",
                                                            "night,",
                                                            "when",
                                                            "nobody",
                                                            "is looking",
                                                            "and",
                                                            "answers",
                                                            "arrive",
                                                            "before",
                                                            "breakfast.",
                                                            "\\n\\n",
                                                            "\\\"quoted\\\"",
                                                            "caf\u00e9",
                                                            "na\\u00efve",
                                                            "42,000",
                                                            "\u6771\u4eac\u90fd",
                                                            "\u2713",
                                                            "\U0001F98A",
                                                            "review",
                                                            "of the product:",
                                                            "five stars",
                                                            "C:\\\\temp",
                                                            "price",
                                                            "\u20ac17.50",
                                                            "\\ud83d\\ude00",
                                                            "summarise",
                                                            "this",
                                                            "document",
                                                            "in",
                                                            "one",
                                                            "sentence",
                                                            "stra\u00dfe"};
    Dice dice(seed);
    text_.reserve(bytes + 64);
    while (text_.size() < bytes) {
      starts_.push_back(text_.size());
      text_ += words[dice.below(words.size())];
      text_ += ' ';
    }
  }

  // About `bytes` bytes, from a place that `number` chooses.
  std::string_view slice(std::uint64_t number, std::size_t bytes) const {
    const std::size_t last = starts_.size() - bytes / 2 - 2;
    const std::size_t begin = starts_[number % last];
    // Words have four bytes at least with their space on average; the border is looked for from the guess on.
    std::size_t end = begin + bytes < text_.size() ? begin + bytes : text_.size() - 1;
    while (text_[end - 1] != ' ') --end;
    return std::string_view(text_).substr(begin, end - begin);
  }

 private:
  std::string text_;
  std::vector<std::size_t> starts_;
};

}  // namespace offpeak::bench
