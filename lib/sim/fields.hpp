// Reads the members of one JSON object of a script, each by name and kind; what nobody asked for is an error.
// The first error is kept and all later calls give back their defaults, so that callers need no branches. The
// text is valid JSON.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace offpeak::sim {

class Fields {
 public:
  // `where` names the object in errors ("faults[2].do"); `error` is shared by all readers of one script.
  Fields(std::string_view object, std::string where, std::string& error);

  bool has(std::string_view key) const;
  // The raw value, or nothing.
  std::optional<std::string_view> raw(std::string_view key);
  std::string text(std::string_view key, std::string_view otherwise);
  std::uint64_t number(std::string_view key, std::uint64_t otherwise, std::uint64_t most = UINT64_MAX);
  std::int64_t signed_number(std::string_view key);
  double real(std::string_view key, double otherwise, double most);
  bool flag(std::string_view key, bool otherwise);
  Duration duration(std::string_view key, Duration otherwise);         // "2s", or 0
  std::uint64_t bytes(std::string_view key, std::uint64_t otherwise);  // "256MB", or a number
  // One of `words`; the index of the first where it is missing.
  std::size_t word(std::string_view key, std::initializer_list<std::string_view> words);

  void fail(std::string_view key, std::string_view what);
  // Unknown members become the error, with the nearest known one.
  void finish();
  const std::string& where() const { return where_; }
  std::string& error() { return error_; }

 private:
  struct Member {
    std::string key;
    std::string_view value;
    bool used = false;
  };
  std::vector<Member> members_;
  std::vector<std::string> asked_;
  std::string where_;
  std::string& error_;
};

}  // namespace offpeak::sim
