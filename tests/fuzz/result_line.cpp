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

// The last member of that very spelling; keys with escapes are nobody's.
const ReferenceValue* last_raw(const ReferenceValue& object, std::string_view key) {
  for (auto i = object.raw_keys.size(); i > 0; --i) {
    if (object.raw_keys[i - 1] == key) return &object.members[i - 1];
  }
  return nullptr;
}

bool is_known_type(const ReferenceValue* type) {
  static constexpr std::string_view known[] = {"\"succeeded\"", "\"errored\"", "\"canceled\"", "\"expired\""};
  return type != nullptr && std::ranges::find(known, type->raw) != std::end(known);
}

void check_line(std::string_view text, ResultLine& line) {
  static JsonChecker json;
  const bool good = parse_result_line(text, json, line);
  const auto document = read_reference(text);
  if (document && document->has_huge_exponent) return;
  const bool object = document && document->depth <= json_depth_max && document->root.is_object();
  const auto* id = object ? last_raw(document->root, "custom_id") : nullptr;
  const auto* result = object ? last_raw(document->root, "result") : nullptr;
  const bool expected = id != nullptr && id->is_string() && result != nullptr && result->is_object() &&
                        is_known_type(last_raw(*result, "type"));
  require(good == expected, expected ? "an outcome is read" : "what is nobody's outcome is not read", text);
  if (!good) return;
  require(line.custom_id == id->text, "the custom_id is decoded", text);
  require(lies_in(line.result, text), "the result lies inside the line", text);
  require(line.result.data() == result->raw.data() && line.result.size() == result->raw.size(),
          "the result is the whole value and nothing else", text);
  require(line.type == OutcomeType::errored || (line.error_type.empty() && line.error_message.empty()),
          "an error belongs to errored", text);
  check_usage(line.usage, text);
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
    FileLine line{text.substr(at, end - at), at, end - at, end - at > line_bytes_max, end < text.size()};
    if (at == 0 && !line.too_long && line.text.starts_with("\xEF\xBB\xBF")) {
      line.text.remove_prefix(3);
      line.offset += 3;
      line.bytes -= 3;
    }
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
