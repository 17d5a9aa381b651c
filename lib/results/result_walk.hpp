// Reads a result line that comes in pieces, of any form, depth and length: the general way, in constant memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_walk.hpp"
#include "results/result_line.hpp"

namespace offpeak {

class ResultWalk final : private JsonListener {
 public:
  ResultWalk();
  // What stands behind a fault is not looked at.
  void feed(std::string_view bytes) { walk_.feed(bytes); }
  void finish(ResultLine& line);

 private:
  // The members that mean something, by their place in a line.
  enum Node : std::uint8_t {
    other,
    whole_line,
    custom_id,
    result,
    type,
    message,
    error,
    stop_reason,
    model,
    usage,
    input_tokens,
    output_tokens,
    cache_read,
    cache_total,
    cache_parts,
    cache_5m,
    cache_1h,
    tool_use,
    searches,
    geo,
    inner_error,
    error_type,
    error_message,
    details,
    error_code,
    nodes,
  };
  struct Member;
  static const std::array<Member, 23> members;
  static constexpr std::size_t told_depth = 5;

  void on_key(std::size_t depth, std::string_view raw, std::uint64_t offset) override;
  void on_begin(std::size_t depth, JsonKind kind, std::uint64_t offset) override;
  void on_end(std::size_t depth, JsonKind kind, std::uint64_t end, std::string_view raw) override;
  std::string_view oddity() const;
  std::string_view oddity_of_result() const;
  void read_usage(Usage& into) const;
  bool is_object(Node node) const { return seen_[node] == 1 && kinds_[node] == JsonKind::object; }
  bool is_twice(Node node) const { return seen_[node] > 1; }
  // Of what is given once, a text.
  void take(Node node, std::string& text) const;

  JsonWalk walk_;
  std::array<Node, told_depth + 1> path_{};  // by depth
  Node next_ = other;                        // whose value begins next
  std::array<std::uint8_t, nodes> seen_{};   // how often; two stands for more
  std::array<JsonKind, nodes> kinds_{};
  std::array<std::string, nodes> values_;  // raw, of what is no object or array
  std::uint64_t result_begin_ = 0, result_end_ = 0;
  bool says_succeeded_ = false;
};

// A raw value as a text; unchanged where it is none.
void take_result_text(std::string_view value, std::string& text);
// A raw value as a count; 0 where it is none.
std::int64_t result_count(std::string_view value);

}  // namespace offpeak
