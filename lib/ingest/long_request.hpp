// A request line that is too long to be held: read block by block, it becomes a short line with the same members, which
// is then checked like any other. Of the values of params only what the rules ask for is in it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_walk.hpp"

namespace offpeak {

class LongRequest final : private JsonListener {
 public:
  // A line with more members than make a short line of this size is not checked.
  static constexpr std::size_t outline_bytes_max = 4 * 1024 * 1024;

  LongRequest();
  void feed(std::string_view bytes) { walk_.feed(bytes); }
  void finish() { walk_.finish(); }

  const std::optional<JsonFault>& fault() const { return walk_.fault(); }
  bool is_blank() const { return !begun_; }
  bool is_too_much() const { return too_much_; }
  // The whole outline if no fault was found, else what was read up to the fault.
  std::string_view outline() const { return outline_; }
  // Where in the line the byte stands that is outline()[offset], or the end of the line's value.
  std::uint64_t original(std::size_t offset) const;

 private:
  static constexpr std::size_t params_depth = 1;
  static constexpr std::size_t value_depth = 2;               // of a member of params
  static constexpr std::size_t told_depth = value_depth + 1;  // is an array empty?

  void on_key(std::size_t depth, std::string_view raw, std::uint64_t offset) override;
  void on_begin(std::size_t depth, JsonKind kind, std::uint64_t offset) override;
  void on_end(std::size_t depth, JsonKind kind, std::uint64_t end, std::string_view raw) override;
  bool is_left_out(std::size_t depth) const { return depth >= left_out_from_; }
  void put(std::string_view bytes, std::uint64_t from);

  struct Mark {
    std::size_t outline = 0;
    std::uint64_t original = 0;
  };
  JsonWalk walk_;
  std::string outline_;
  std::vector<Mark> marks_;  // in order: from there on, byte by byte
  std::array<JsonKind, told_depth + 1> kinds_{};
  std::array<bool, told_depth + 2> has_members_{};  // by depth of the members
  std::size_t left_out_from_ = told_depth + 1;
  bool begun_ = false;
  bool too_much_ = false;
};

}  // namespace offpeak
