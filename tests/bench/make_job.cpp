// Makes a job file, the same bytes for the same seed: Messages requests of 1 to 50 KB with unicode, tool definitions and
// system blocks with cache_control; 100,000 of them have about 268 MB. With --short, requests of about 200 bytes, for
// queues of many millions.
//
//   bench_make_job --requests N --seed S [--short] > FILE
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "text.hpp"

namespace offpeak::bench {

namespace {

constexpr std::size_t pool_bytes = 4 * 1024 * 1024;
constexpr std::size_t line_bytes_max = 50'000;
constexpr std::size_t write_bytes = 1024 * 1024;

constexpr std::array<std::string_view, 4> models{"claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-1",
                                                 "claude-haiku-4-5"};

constexpr std::string_view tools =
    R"("tools":[{"name":"get_order","description":"Looks an order up by its number and returns its state, its lines and )"
    R"(its address.","input_schema":{"type":"object","properties":{"order_id":{"type":"string","description":"as printed )"
    R"(on the receipt"},"with_lines":{"type":"boolean","default":false}},"required":["order_id"]}},{"name":"classify",)"
    R"("description":"Gives the class of a text.","input_schema":{"type":"object","properties":{"class":{"type":"string",)"
    R"("enum":["praise","complaint","question","other"]},"confidence":{"type":"number","minimum":0,"maximum":1}},)"
    R"("required":["class"]}}],"tool_choice":{"type":"auto"},)";

// A heavy tail: nine of ten are below 4.6 KB, one of 350 is cut at the maximum.
std::size_t line_bytes(Dice& dice) {
  const double u = dice.unit();
  const double bytes = 985.0 / std::cbrt(u * u);
  return bytes > static_cast<double>(line_bytes_max) ? line_bytes_max : static_cast<std::size_t>(bytes);
}

class Lines {
 public:
  explicit Lines(std::uint64_t seed) : pool_(seed, pool_bytes), dice_(seed ^ 0xB0B) {
    const auto instructions = pool_.slice(7, 500);
    system_ = fmt::format(
        R"("system":[{{"type":"text","text":"You answer for a shop. {}","cache_control":{{"type":"ephemeral"}}}}],)",
        instructions);
  }

  void append_long(std::uint64_t number, std::string& out) {
    const auto begin = out.size();
    const auto bytes = line_bytes(dice_);
    append_head(number, out);
    const auto kind = dice_.below(10);
    if (kind < 2) out += tools;
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
    fmt::format_to(std::back_inserter(out), fmt::runtime(form), number, models[dice_.below(models.size())],
                   64 << dice_.below(7));
  }

  TextPool pool_;
  Dice dice_;
  std::string system_;
};

bool write_all(const std::string& bytes) { return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size(); }

int make(std::uint64_t requests, std::uint64_t seed, bool is_short) {
  Lines lines(seed);
  std::string block;
  for (std::uint64_t number = 0; number < requests; ++number) {
    if (is_short) {
      lines.append_short(number, block);
    } else {
      lines.append_long(number, block);
    }
    if (block.size() < write_bytes) continue;
    if (!write_all(block)) return 1;
    block.clear();
  }
  return write_all(block) && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

}  // namespace offpeak::bench

int main(int argc, char** argv) {
  std::uint64_t requests = 100'000, seed = 1;
  bool is_short = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--short") {
      is_short = true;
    } else if (word == "--requests" && i + 1 < argc) {
      requests = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      fmt::print(stderr, "usage: bench_make_job --requests N --seed S [--short] > FILE\n");
      return 2;
    }
  }
  return offpeak::bench::make(requests, seed, is_short);
}
