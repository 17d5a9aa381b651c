// What all batches of one simulated API share: the contents, and texts that many requests have in common.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/contents.hpp"

namespace offpeak::sim {

// Strings by number; equal ones have one number.
class Texts {
 public:
  std::uint32_t intern(std::string_view text) {
    if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
    numbers_.emplace(text, number);
    return number;
  }
  const std::string& operator[](std::uint32_t number) const { return texts_[number]; }

 private:
  std::vector<std::string> texts_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
};

struct Tables {
  Contents contents;
  Texts models;  // raw JSON strings without quotes
  Texts errors;  // the error objects of errored rows, as JSON
};

}  // namespace offpeak::sim
