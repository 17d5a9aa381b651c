#include "results/result_walk.hpp"

#include <algorithm>

namespace offpeak {

namespace {

// More than any answer holds, few enough that every column at the dearest price still fits its nanodollars.
constexpr std::int64_t count_max = 1'000'000'000;

std::optional<OutcomeType> outcome_type(std::string_view raw) {
  std::string text;
  take_result_text(raw, text);
  return parse_outcome_type(text);
}

}  // namespace

struct ResultWalk::Member {
  Node parent;
  std::string_view key;
  Node node;
};

constexpr std::array<ResultWalk::Member, 23> ResultWalk::members{{
    {whole_line, "custom_id", custom_id},
    {whole_line, "result", result},
    {result, "type", type},
    {result, "message", message},
    {result, "error", error},
    {message, "stop_reason", stop_reason},
    {message, "model", model},
    {message, "usage", usage},
    {usage, "input_tokens", input_tokens},
    {usage, "output_tokens", output_tokens},
    {usage, "cache_read_input_tokens", cache_read},
    {usage, "cache_creation_input_tokens", cache_total},
    {usage, "cache_creation", cache_parts},
    {cache_parts, "ephemeral_5m_input_tokens", cache_5m},
    {cache_parts, "ephemeral_1h_input_tokens", cache_1h},
    {usage, "server_tool_use", tool_use},
    {tool_use, "web_search_requests", searches},
    {usage, "inference_geo", geo},
    {error, "error", inner_error},
    {inner_error, "type", error_type},
    {inner_error, "message", error_message},
    {inner_error, "details", details},
    {details, "error_code", error_code},
}};

ResultWalk::ResultWalk() : walk_(JsonTaken::as_it_came, *this, told_depth) {}

void ResultWalk::on_key(std::size_t depth, std::string_view raw, std::uint64_t /*offset*/) {
  const auto parent = path_[depth - 1];
  next_ = other;
  if (parent == other) return;
  std::string decoded;
  if (raw.find('\\') != std::string_view::npos) raw = decoded = json_decode_key(raw);
  const auto found = std::ranges::find_if(members, [&](const Member& m) { return m.parent == parent && m.key == raw; });
  if (found != members.end()) next_ = found->node;
}

void ResultWalk::on_begin(std::size_t depth, JsonKind kind, std::uint64_t offset) {
  const auto node = depth == 0 ? whole_line : next_;
  next_ = other;
  path_[depth] = node;
  if (node == other) return;
  seen_[node] = static_cast<std::uint8_t>(std::min(seen_[node] + 1, 2));
  kinds_[node] = kind;
  if (node == result && seen_[node] == 1) result_begin_ = offset;
}

void ResultWalk::on_end(std::size_t depth, JsonKind kind, std::uint64_t end, std::string_view raw) {
  const auto node = path_[depth];
  path_[depth] = other;
  if (node == other) return;
  if (node == result && seen_[node] == 1) result_end_ = end;
  const bool container = kind == JsonKind::object || kind == JsonKind::array;
  if (!container) values_[node] = raw;
  if (node == type) says_succeeded_ = says_succeeded_ || outcome_type(raw) == OutcomeType::succeeded;
}

void ResultWalk::take(Node node, std::string& text) const {
  if (seen_[node] == 1) take_result_text(values_[node], text);
}

void ResultWalk::read_usage(Usage& into) const {
  const auto count = [this](Node node) { return seen_[node] == 1 ? result_count(values_[node]) : 0; };
  into.input_tokens = count(input_tokens);
  into.output_tokens = count(output_tokens);
  into.cache_read_input_tokens = count(cache_read);
  into.cache_creation_5m_input_tokens = count(is_object(cache_parts) ? cache_5m : cache_total);
  into.cache_creation_1h_input_tokens = count(cache_1h);
  into.web_search_requests = count(searches);
  into.us_inference = seen_[geo] == 1 && values_[geo] == R"("us")";
}

std::string_view ResultWalk::oddity() const {
  if (walk_.fault()) return "it is no JSON";
  if (!is_object(whole_line)) return "it is no object";
  if (is_twice(custom_id)) return "its custom_id is given twice";
  if (seen_[custom_id] == 0 || kinds_[custom_id] != JsonKind::string) return "it has no custom_id";
  if (values_[custom_id].empty()) return "its custom_id is too long";
  return oddity_of_result();
}

std::string_view ResultWalk::oddity_of_result() const {
  if (is_twice(result)) return "its result is given twice";
  if (!is_object(result)) return "its result is no object";
  if (is_twice(type)) return "the type of its result is given twice";
  if (!outcome_type(values_[type])) return "the type of its result is not known";
  for (const auto node : {message, error, inner_error, error_type, error_message, details, error_code}) {
    if (is_twice(node)) return "a member that decides is given twice in its result";
  }
  return {};
}

void ResultWalk::finish(ResultLine& line) {
  line.clear();
  line.is_json = walk_.finish();
  line.oddity = oddity();
  line.says_succeeded = says_succeeded_;
  take(custom_id, line.custom_id);
  line.result_offset = result_begin_;
  line.result_bytes = result_end_ > result_begin_ ? result_end_ - result_begin_ : 0;
  line.type = line.readable() ? *outcome_type(values_[type]) : OutcomeType::errored;
  if (line.readable() && line.type == OutcomeType::errored) {
    take(error_type, line.error_type);
    take(error_message, line.error_message);
    take(error_code, line.error_code);
  }
  if (!line.says_succeeded) return;
  if (is_twice(usage)) return;
  take(model, line.model);
  read_usage(line.usage);
  if (line.readable()) take(stop_reason, line.stop_reason);
}

void take_result_text(std::string_view value, std::string& text) {
  if (value.size() < 2 || value.front() != '"') return;
  const auto inner = value.substr(1, value.size() - 2);
  if (inner.find('\\') == std::string_view::npos) {
    text.assign(inner);
  } else {
    text = json_decode_key(inner);
  }
}

std::int64_t result_count(std::string_view value) {
  const auto count = json_integer(value).value_or(0);
  return count >= 0 && count <= count_max ? count : 0;
}

}  // namespace offpeak
