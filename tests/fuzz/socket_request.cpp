// A call to the status socket, behind HTTP: its target, its route, its query, its small body and the problem that
// answers it. The input's first line is "METHOD TARGET", the second the Content-Encoding; the body follows.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/json.hpp"
#include "control/paging.hpp"
#include "control/problem.hpp"
#include "control/routes.hpp"
#include "control/small_body.hpp"
#include "control/target.hpp"
#include "control/upload_wish.hpp"
#include "fuzz.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

class Chunks final : public CallBody {
 public:
  Chunks(std::string_view text, std::size_t chunk_bytes) : text_(text), chunk_bytes_(chunk_bytes) {}

  Task<Result<std::string_view>> next_block() override {
    const auto block = text_.substr(0, chunk_bytes_);
    text_.remove_prefix(block.size());
    co_return block;
  }

 private:
  std::string_view text_;
  std::size_t chunk_bytes_;
};

Task<> check_small_body(std::string_view text, std::size_t most_bytes) {
  Chunks chunks(text, 7);
  const auto body = co_await read_small_body(&chunks, most_bytes);
  require(body.has_value() == (text.size() <= most_bytes), "a small body is small", text);
  if (body) require(*body == text, "a small body is whole", text);
}

// Said with the caller's own words in it.
void check_problem(std::string_view text) {
  auto problem = bad_request(std::string(text), std::string(text));
  problem.members = "\"given\":" + json_quote(text);
  const auto document = to_json(problem);
  const auto read = read_reference(document);
  require(read && read->root.is_object() && !read->root.has_twin_keys(), "a problem is a JSON object", document);
  require(document.find('\n') == document.npos && document.find('\x1B') == document.npos, "without escapes", document);
  const auto* given = read->root.first("given");
  require(given != nullptr && given->text == read->root.first("detail")->text, "members stay members", document);
}

void check_error(const Error& error) {
  require(!error.message.empty() && is_displayable(error.message), "a refusal can be shown", error.message);
  require(is_displayable(error.hint), "a hint can be shown", error.hint);
  check_problem(error.message);
}

void check_lists(const QueryMembers& query) {
  static constexpr std::string_view states[] = {"queued", "running", "done"};
  const auto options = parse_list_options(query, states);
  if (!options) return check_error(options.error());
  require(options->limit >= 1 && options->limit <= list_limit_max && options->after >= 0, "a page is in range");
  require(options->state.empty() || std::ranges::find(states, options->state) != std::end(states), "a state is known");
}

void check_upload(const QueryMembers& query, std::string_view encoding, std::string_view body) {
  const auto wish = parse_upload_wish(query, encoding);
  if (!wish) return check_error(wish.error());
  const auto name = intake_name(*wish, wish->encoding.value_or(sniff_compression(body)));
  require(!wish->stem.empty() && name.find('/') == name.npos, "an upload's name is one name", name);
  require(name.size() <= 255, "an upload's name fits a folder", name);
  require(wish->format == "jsonl" || wish->format == "json", "an upload has a format", wish->format);
  const auto& overrides = wish->overrides;
  if (overrides.priority) {
    require(*overrides.priority >= -1'000'000 && *overrides.priority <= 1'000'000, "a priority is in range");
  }
  if (overrides.name) {
    require(!overrides.name->empty() && overrides.name->size() <= 200 && is_displayable(*overrides.name),
            "a job's name is short and can be shown", *overrides.name);
  }
}

void check_target(std::string_view method, std::string_view text, std::string_view encoding, std::string_view body) {
  const auto target = parse_target(text);
  if (!target) return check_error(target.error());
  for (const auto& segment : target->segments) {
    // HTTP lets no NUL through as it is, only one that is escaped.
    require(segment.find('\0') == segment.npos || text.find('\0') != text.npos, "a segment holds no NUL", segment);
    (void)parse_integer(segment);
  }
  for (std::size_t i = 0; i < target->query.size(); ++i) {
    require(query_member(target->query, target->query[i].first) == target->query[i].second,
            "no query member is given twice", text);
  }
  const auto routed = find_route(method, target->segments);
  if (const auto* route = std::get_if<Routed>(&routed)) {
    require(route->route != nullptr && route->parameters.size() <= target->segments.size(), "a route is a route", text);
    require(route->route->method == method || method == "HEAD", "a route is for its method", method);
  } else {
    const auto& allow = std::get<NoRoute>(routed).allow;
    const auto listed = ", " + allow + ",";
    require(allow.empty() || listed.find(fmt::format(", {},", method)) == listed.npos, "what is allowed is not refused",
            allow);
  }
  check_lists(target->query);
  check_upload(target->query, encoding, body);
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  auto body = text;
  auto target = take_line(body);
  const auto encoding = take_line(body);
  const auto method = target.substr(0, target.find(' '));
  target.remove_prefix(std::min(method.size() + 1, target.size()));
  check_target(method, target, encoding, body);
  check_target("POST", text, "", text);
  check_problem(text);

  static boost::asio::io_context io;
  io.restart();
  for (const std::size_t most_bytes : {0U, 10U, 1024U}) {
    boost::asio::co_spawn(io, check_small_body(body, most_bytes), [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  io.run();
  return 0;
}
