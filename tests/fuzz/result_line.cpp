// A results download: each line against the reference reader, and the lines themselves against a plain search for line
// breaks, however few bytes the file gives at a time. The input is the download.
#include "results/result_line.hpp"

#include <algorithm>
#include <cstring>

#include "fuzz.hpp"
#include "memory_file.hpp"
#include "model/money.hpp"
#include "reference_json.hpp"
#include "results/classify.hpp"
#include "results/line_reader.hpp"
#include "results/result_walk.hpp"

namespace offpeak::fuzz {
namespace {

constexpr std::size_t line_bytes_max = 4096;

PriceTable prices() {
  PriceTable table;
  ModelPrice price;
  price.base = {1'000'000'000, 1'000'000'000, 1'000'000'000, 1'000'000'000, 1'000'000'000};  // the most that is allowed
  price.above = price.base;
  price.above_prompt_tokens = 200'000;
  table.models["m"] = price;
  return table;
}

void check_usage(const Usage& usage, std::string_view text) {
  for (const auto count :
       {usage.input_tokens, usage.output_tokens, usage.cache_creation_5m_input_tokens,
        usage.cache_creation_1h_input_tokens, usage.cache_read_input_tokens, usage.web_search_requests}) {
    require(count >= 0, "a count is not negative", text);
  }
  static const auto table = prices();
  const auto cost = batch_cost(table, "m", usage);
  require(cost && *cost >= 0, "a cost is not negative", text);
}

// The only member of that name; nothing where there are none or several.
const ReferenceValue* only(const ReferenceValue* object, std::string_view key, std::size_t& times) {
  times = 0;
  const ReferenceValue* found = nullptr;
  if (object == nullptr || !object->is_object()) return nullptr;
  for (std::size_t i = 0; i < object->keys.size(); ++i) {
    if (object->keys[i] != key) continue;
    ++times;
    found = &object->members[i];
  }
  return times == 1 ? found : nullptr;
}

bool is_known_type(const ReferenceValue* type) {
  static constexpr std::string_view known[] = {"succeeded", "errored", "canceled", "expired"};
  return type != nullptr && type->is_string() && std::ranges::find(known, type->text) != std::end(known);
}

// What decides is given once, all the way down.
bool is_readable(const ReferenceValue& root) {
  std::size_t times = 0;
  const auto* id = only(&root, "custom_id", times);
  const auto* result = only(&root, "result", times);
  if (id == nullptr || !id->is_string() || result == nullptr || !result->is_object()) return false;
  if (!is_known_type(only(result, "type", times))) return false;
  only(result, "message", times);
  if (times > 1) return false;
  const auto* error = only(result, "error", times);
  if (times > 1) return false;
  const auto* inner = only(error, "error", times);
  if (times > 1) return false;
  for (const std::string_view key : {"type", "message"}) {
    only(inner, key, times);
    if (times > 1) return false;
  }
  const auto* details = only(inner, "details", times);
  if (times > 1) return false;
  only(details, "error_code", times);
  return times <= 1;
}

void check_pieces(std::string_view text, const ResultLine& whole) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}}) {
    ResultWalk walk;
    for (std::size_t at = 0; at < text.size(); at += piece) walk.feed(text.substr(at, piece));
    ResultLine line;
    walk.finish(line);
    require(line.oddity == whole.oddity && line.is_json == whole.is_json && line.custom_id == whole.custom_id &&
                line.type == whole.type && line.says_succeeded == whole.says_succeeded,
            "a line in pieces is the same line", text);
    require(line.model == whole.model && line.stop_reason == whole.stop_reason && line.usage == whole.usage &&
                line.error_type == whole.error_type && line.error_message == whole.error_message &&
                line.error_code == whole.error_code,
            "a line in pieces says the same", text);
    require(!line.readable() || (line.result_offset == whole.result_offset && line.result_bytes == whole.result_bytes),
            "a result in pieces lies where it lies", text);
  }
}

void check_line(std::string_view text, ResultLine& line) {
  static JsonChecker json;
  parse_result_line(text, json, line);
  check_pieces(text, line);
  check_usage(line.usage, text);
  const auto openers = std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; });
  const auto document = read_reference(text);
  if (!document && openers > 600) return;  // more levels than the reference reads
  require(line.is_json == document.has_value(), "JSON is JSON, however deep", text);
  const bool expected = document && is_readable(document->root);
  require(line.readable() == expected, expected ? "an outcome is read" : "what is nobody's outcome is not read", text);
  std::size_t times = 0;
  const auto* id = document ? only(&document->root, "custom_id", times) : nullptr;
  if (id != nullptr && id->is_string()) require(line.custom_id == id->text, "the custom_id is decoded", text);
  if (!line.readable()) {
    require(line.type == OutcomeType::errored && line.error_type.empty(), "nothing else is taken from it", text);
    return;
  }
  const auto* result = only(&document->root, "result", times);
  require(text.data() + line.result_offset == result->raw.data() && line.result_bytes == result->raw.size(),
          "the result is the whole value and nothing else", text);
  require(line.type == OutcomeType::errored || (line.error_type.empty() && line.error_message.empty()),
          "an error belongs to errored", text);
  for (const std::uint32_t attempts : {0U, 4U, 5U, UINT32_MAX - 1}) {
    const auto action = classify_result(line, {.attempts = attempts});
    if (line.type == OutcomeType::succeeded) {
      require(action == ResultAction::outcome, "what succeeded is an outcome", text);
    }
    require(classify_result(line, {.attempts = attempts, .canceling = true}) == ResultAction::outcome,
            "what is canceled does not go again", text);
  }
}

std::vector<FileLine> plain_lines(std::string_view text) {
  std::vector<FileLine> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of("\r\n", at), text.size());
    if (at == 0 && text.starts_with("\xEF\xBB\xBF")) {
      at = 3;
      continue;
    }
    FileLine line{text.substr(at, end - at), at, end - at, end - at > line_bytes_max, end < text.size()};
    if (line.text.find_first_not_of(" \t") != line.text.npos) lines.push_back(line);
    if (line.too_long) lines.back().text = {};
    at = end + 1;
  }
  return lines;
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  const auto expected = plain_lines(text);
  ResultLine parsed;
  for (const std::size_t most : {std::size_t(-1), std::size_t(61)}) {
    MemoryFile file(text, most);
    LineReader reader(file, line_bytes_max);
    FileLine line;
    std::size_t count = 0;
    for (;; ++count) {
      const auto more = reader.next(line);
      require(more.has_value(), "a file that can be read is read", text);
      if (!*more) break;
      require(count < expected.size(), "no more lines than there are", text);
      const auto& same = expected[count];
      require(line.text == same.text && line.offset == same.offset && line.bytes == same.bytes &&
                  line.too_long == same.too_long && line.terminated == same.terminated,
              "a line is a line", text);
      if (most == std::size_t(-1)) check_line(std::string(line.text), parsed);
    }
    require(count == expected.size(), "every line is found", text);
  }
  return 0;
}
