#include "results/result_line.hpp"

#include <array>

#include "results/result_walk.hpp"

namespace offpeak {

namespace {

constexpr std::string_view space = " \t\r\n";

std::size_t end_in(std::string_view text, std::string_view slice) {
  return static_cast<std::size_t>(slice.data() - text.data()) + slice.size();
}

// Where the object begins that is the value of `quoted_key`, if that is the member behind `before`; npos otherwise.
std::size_t object_behind(std::string_view text, std::size_t before, std::string_view quoted_key) {
  auto at = text.find_first_not_of(" \t\r\n,", before);
  if (at == std::string_view::npos || !text.substr(at).starts_with(quoted_key)) return std::string_view::npos;
  at = text.find_first_not_of(" \t\r\n:", at + quoted_key.size());
  return at != std::string_view::npos && text[at] == '{' ? at : std::string_view::npos;
}

// Behind the brace that closes an object of which everything before `walked` was seen; npos where more of it follows.
std::size_t close_behind(std::string_view text, std::size_t walked) {
  const auto at = walked == std::string_view::npos ? walked : text.find_first_not_of(space, walked);
  return at != std::string_view::npos && text[at] == '}' ? at + 1 : std::string_view::npos;
}

template <std::size_t n>
using Names = std::array<std::string_view, n>;

// What stands under each of `names` in an object, and where its last member ends. False where one is given twice, or a
// key is written with escapes: that is read the general way. What is no object has no members.
template <std::size_t n>
bool take_members(std::string_view object, const Names<n>& names, std::array<std::string_view, n>& values,
                  std::size_t& end) {
  end = 1;
  if (!object.starts_with('{')) return true;
  JsonMembers members(object);
  for (JsonMember member; members.next(member);) {
    end = end_in(object, member.value);
    if (member.key.find('\\') != std::string_view::npos) return false;
    for (std::size_t i = 0; i < n; ++i) {
      if (member.key != names[i]) continue;
      if (values[i].data() != nullptr) return false;
      values[i] = member.value;
    }
  }
  return true;
}

bool read_usage(std::string_view text, Usage& usage) {
  constexpr Names<7> names{
      "input_tokens",    "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation",
      "server_tool_use", "inference_geo"};
  std::array<std::string_view, names.size()> values;
  std::array<std::string_view, 2> parts;
  std::array<std::string_view, 1> searches;
  std::size_t end = 0;
  if (!take_members(text, names, values, end) ||
      !take_members(values[4], Names<2>{"ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"}, parts, end) ||
      !take_members(values[5], Names<1>{"web_search_requests"}, searches, end)) {
    return false;
  }
  usage.input_tokens = result_count(values[0]);
  usage.output_tokens = result_count(values[1]);
  usage.cache_read_input_tokens = result_count(values[2]);
  const bool has_parts = values[4].starts_with('{');
  usage.cache_creation_5m_input_tokens = result_count(has_parts ? parts[0] : values[3]);
  usage.cache_creation_1h_input_tokens = result_count(parts[1]);
  usage.web_search_requests = result_count(searches[0]);
  usage.us_inference = values[6] == R"("us")";
  return true;
}

// `message` may be followed by other text. npos where the general way must read it.
std::size_t read_message(std::string_view message, ResultLine& line) {
  std::array<std::string_view, 3> values;
  std::size_t end = 0;
  const bool once = take_members(message, Names<3>{"stop_reason", "model", "usage"}, values, end);
  if (!once || !read_usage(values[2], line.usage)) return std::string_view::npos;
  take_result_text(values[0], line.stop_reason);
  take_result_text(values[1], line.model);
  return end;
}

// {"custom_id":"...","result":{"type":"succeeded","message":{...}}}, in this order and nothing else: what nearly every
// line is. It is walked once, by strings and brackets alone.
bool read_usual_form(std::string_view text, ResultLine& line) {
  JsonMember member;
  JsonMembers of_line(text);
  if (!of_line.next(member) || member.key != "custom_id" || !member.value.starts_with('"')) return false;
  const auto id = member.value;
  const auto result = object_behind(text, end_in(text, id), R"("result")");
  if (result == std::string_view::npos) return false;
  JsonMembers of_result(text.substr(result));
  if (!of_result.next(member) || member.key != "type" || member.value != R"("succeeded")") return false;
  const auto message = object_behind(text, end_in(text, member.value), R"("message")");
  if (message == std::string_view::npos) return false;
  const auto walked = read_message(text.substr(message), line);
  if (walked == std::string_view::npos) return false;
  const auto result_end = close_behind(text, close_behind(text, message + walked));
  const auto line_end = close_behind(text, result_end);
  if (line_end == std::string_view::npos || text.find_first_not_of(space, line_end) != std::string_view::npos) {
    return false;
  }
  line.result_offset = result;
  line.result_bytes = result_end - result;
  line.type = OutcomeType::succeeded;
  line.says_succeeded = line.is_json = true;
  take_result_text(id, line.custom_id);
  return true;
}

}  // namespace

void parse_result_line(std::string_view text, JsonChecker& checker, ResultLine& line) {
  line.clear();
  if (checker.is_surely_json(text) && read_usual_form(text, line)) return;
  ResultWalk walk;
  walk.feed(text);
  walk.finish(line);
}

void ResultLine::clear() {
  oddity = {};
  is_json = says_succeeded = false;
  result_offset = result_bytes = 0;
  type = OutcomeType::succeeded;
  for (auto* text : {&custom_id, &error_type, &error_message, &error_code, &stop_reason, &model}) text->clear();
  usage = Usage{};
}

}  // namespace offpeak
