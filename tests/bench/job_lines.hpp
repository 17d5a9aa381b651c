// The lines of made job files: Messages requests of 1 to 50 KB with unicode, tool definitions and system blocks with
// cache_control, 2.7 KB in the mean; or short ones of about 200 bytes. The same bytes for the same seed.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <string>
#include <string_view>

#include "text.hpp"

namespace offpeak::bench {

inline constexpr std::size_t job_text_bytes = 4 * 1024 * 1024;
inline constexpr std::size_t job_line_bytes_max = 50'000;

inline constexpr std::array<std::string_view, 4> job_models{"claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-1",
                                                            "claude-haiku-4-5"};

inline constexpr std::string_view job_tools =
    R"("tools":[{"name":"get_order","description":"Looks an order up by its number and returns its state, its lines and )"
    R"(its address.","input_schema":{"type":"object","properties":{"order_id":{"type":"string","description":"as printed )"
    R"(on the receipt"},"with_lines":{"type":"boolean","default":false}},"required":["order_id"]}},{"name":"classify",)"
    R"("description":"Gives the class of a text.","input_schema":{"type":"object","properties":{"class":{"type":"string",)"
    R"("enum":["praise","complaint","question","other"]},"confidence":{"type":"number","minimum":0,"maximum":1}},)"
    R"("required":["class"]}}],"tool_choice":{"type":"auto"},)";

// A heavy tail: nine of ten are below 4.6 KB, one of 350 is cut at the maximum.
inline std::size_t job_line_bytes(Dice& dice) {
  const double u = dice.unit();
  const double bytes = 985.0 / std::cbrt(u * u);
  return bytes > static_cast<double>(job_line_bytes_max) ? job_line_bytes_max : static_cast<std::size_t>(bytes);
}

class JobLines {
 public:
  explicit JobLines(std::uint64_t seed) : pool_(seed, job_text_bytes), dice_(seed ^ 0xB0B) {
    const auto instructions = pool_.slice(7, 500);
    system_ = fmt::format(
        R"("system":[{{"type":"text","text":"You answer for a shop. {}","cache_control":{{"type":"ephemeral"}}}}],)",
        instructions);
  }

  void append_long(std::uint64_t number, std::string& out) {
    const auto begin = out.size();
    const auto bytes = job_line_bytes(dice_);
    append_head(number, out);
    const auto kind = dice_.below(10);
    if (kind < 2) out += job_tools;
    if (kind % 2 == 0) out += system_;
    if (kind == 5) out += R"("temperature":0.2,"metadata":{"user_id":"u-8412"},)";
    out += R"("messages":[{"role":"user","content":)";
    constexpr std::size_t closing = 40;
    const auto used = out.size() - begin + closing;
    const auto body = pool_.slice(dice_.next(), bytes > used + 100 ? bytes - used : 100);
    if (kind % 3 == 0) {
      fmt::format_to(std::back_inserter(out), R"([{{"type":"text","text":"{}{}"}}]}}]}}}})", number, body);
    } else {
      fmt::format_to(std::back_inserter(out), R"("{} {}"}}]}}}})", number, body);
    }
    out += '\n';
  }

  void append_short(std::uint64_t number, std::string& out) {
    append_head(number, out);
    fmt::format_to(std::back_inserter(out), R"("messages":[{{"role":"user","content":"{} {}"}}]}}}})", number,
                   pool_.slice(dice_.next(), 60));
    out += '\n';
  }

 private:
  void append_head(std::uint64_t number, std::string& out) {
    // One custom_id of eight has an escape in it, one an accent.
    const auto* form = number % 8 == 3 ? R"({{"custom_id":"shop\/{}","params":{{"model":"{}","max_tokens":{},)"
                       : number % 8 == 6
                           ? "{{\"custom_id\":\"caf\u00e9-{}\",\"params\":{{\"model\":\"{}\",\"max_tokens\":{},"
                           : R"({{"custom_id":"review-{}","params":{{"model":"{}","max_tokens":{},)";
    fmt::format_to(std::back_inserter(out), fmt::runtime(form), number, job_models[dice_.below(job_models.size())],
                   64 << dice_.below(7));
  }

  TextPool pool_;
  Dice dice_;
  std::string system_;
};

}  // namespace offpeak::bench
