#include "sim/actions.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/limits.hpp"
#include "sim/fields.hpp"

namespace offpeak::sim {

namespace {

Action read_error(Fields& fields) {
  AnswerWith action;
  constexpr std::array whens{When::instead, When::early, When::after};
  constexpr std::array shapes{Shape::api, Shape::html, Shape::text, Shape::json, Shape::empty};
  action.status = static_cast<int>(fields.number("status", 500, 599));
  if (action.status < 200) fields.fail("status", "must be from 200 to 599");
  action.when = whens[fields.word("when", {"instead", "early", "after"})];
  action.shape = shapes[fields.word("shape", {"api", "html", "text", "json", "empty"})];
  action.type = fields.text("type", "");
  action.message = fields.text("message", "");
  action.error_code = fields.text("error_code", "");
  action.retry_after = fields.text("retry_after", "");
  action.should_retry = fields.text("should_retry", "");
  return action;
}

Action read_redirect(Fields& fields) {
  AnswerWith action;
  constexpr std::array whens{When::early, When::instead, When::after};
  action.shape = Shape::empty;
  action.status = static_cast<int>(fields.number("status", 307, 399));
  action.when = whens[fields.word("when", {"early", "instead", "after"})];
  action.location = fields.text("to", "");
  if (action.location.empty()) fields.fail("to", "is missing");
  return action;
}

Action read_lose_answer(Fields& fields) {
  constexpr std::array whens{When::after, When::instead};
  constexpr std::array ways{Delivery::close, Delivery::reset};
  Drop action;
  action.when = whens[fields.word("when", {"after", "instead"})];
  action.how = ways[fields.word("how", {"close", "reset"})];
  return action;
}

Action read_drop(Fields& fields, Delivery how) { return Drop{When::early, how, fields.bytes("after_body_bytes", 0)}; }
Action read_close(Fields& fields) { return read_drop(fields, Delivery::close); }
Action read_reset(Fields& fields) { return read_drop(fields, Delivery::reset); }

Action read_hang(Fields& fields) {
  constexpr std::array whens{When::after, When::instead, When::early};
  return Drop{whens[fields.word("when", {"after", "instead", "early"})], Delivery::hang, 0};
}

Action read_delay(Fields& fields) {
  constexpr std::array whens{When::after, When::early};
  Delay action;
  action.duration = fields.duration("for", std::chrono::seconds(1));
  action.when = whens[fields.word("when", {"after", "early"})];
  return action;
}

Action read_slow(Fields& fields) {
  Trickle action;
  action.bytes = fields.bytes("bytes", 1024);
  if (action.bytes == 0) fields.fail("bytes", "must be above 0");
  action.pause = fields.duration("pause", Duration(100));
  return action;
}

Action read_cut(Fields& fields) {
  Cut action;
  action.in_head = fields.word("part", {"body", "head"}) == 1;
  if (fields.has("bytes")) {
    action.bytes = fields.bytes("bytes", 0);
  } else if (action.in_head) {
    fields.fail("bytes", "is needed where the head is cut");
  }
  action.fraction = fields.real("fraction", 0.5, 1);
  action.reset = fields.flag("reset", false);
  return action;
}

Action read_garble(Fields& fields) {
  using As = Garble::As;
  constexpr std::array ways{As::truncated, As::text, As::html, As::empty, As::no_id, As::wrong_type};
  Garble action;
  action.as = ways[fields.word("as", {"truncated", "text", "html", "empty", "no_id", "wrong_type"})];
  if (fields.has("bytes")) action.bytes = fields.bytes("bytes", 0);
  action.fraction = fields.real("fraction", 0.5, 1);
  return action;
}

Action read_frame(Fields& fields) {
  constexpr std::array ways{Framing::until_close, Framing::length, Framing::chunked};
  return Frame{ways[fields.word("as", {"close", "length", "chunked"})]};
}

Action read_lag(Fields& fields) {
  Lag action;
  action.duration = fields.duration("for", std::chrono::seconds(30));
  action.retrieve = fields.flag("retrieve", true);
  return action;
}

Action read_late(Fields& fields) { return Late{fields.duration("for", std::chrono::seconds(30))}; }
Action read_never_end(Fields&) { return NeverEnd{}; }
Action read_stale(Fields& fields) { return Stale{fields.duration("by", std::chrono::minutes(1))}; }

Action read_counts(Fields& fields) {
  WrongCounts action;
  action.more.processing = fields.signed_number("processing");
  action.more.succeeded = fields.signed_number("succeeded");
  action.more.errored = fields.signed_number("errored");
  action.more.canceled = fields.signed_number("canceled");
  action.more.expired = fields.signed_number("expired");
  return action;
}

Action read_foreign(Fields& fields) {
  Foreign action;
  action.requests = static_cast<std::uint32_t>(fields.number("requests", 1, batch_requests_max));
  action.same_size = fields.flag("same_size", false);
  action.maker = fields.word("maker", {"program", "offpeak"}) == 1 ? Maker::offpeak : Maker::program;
  return action;
}

Action read_repeat(Fields& fields) {
  Repeat action;
  action.after = fields.duration("after", Duration(0));
  action.answer_second = fields.flag("answer_second", false);
  return action;
}

Action read_untallied(Fields& fields) { return Untallied{fields.duration("for", std::chrono::seconds(30))}; }

Action read_short_list(Fields& fields) {
  using As = ShortList::As;
  constexpr std::array ways{As::empty, As::no_cursor, As::ends};
  ShortList action;
  action.as = ways[fields.word("as", {"empty", "no_cursor", "ends"})];
  action.entries = fields.number("entries", 0);
  return action;
}

Action read_odd_entry(Fields& fields) {
  using As = OddEntry::As;
  constexpr std::array ways{As::status, As::null_counts, As::zero_counts, As::one_short, As::no_created_at};
  OddEntry action;
  action.as = ways[fields.word("as", {"status", "null_counts", "zero_counts", "one_short", "no_created_at"})];
  action.index = fields.number("index", 0);
  return action;
}

Action read_row_error(Fields& fields) {
  RowError action;
  if (fields.has("index")) action.index = static_cast<std::uint32_t>(fields.number("index", 0, batch_requests_max));
  action.type = fields.text("type", "api_error");
  action.message = fields.text("message", "");
  return action;
}

Action read_lines(Fields& fields) {
  LineFaults action;
  action.duplicate = fields.number("duplicate", 0);
  action.conflicting = fields.number("conflicting", 0);
  action.foreign = fields.number("foreign", 0);
  action.garbage = fields.number("garbage", 0);
  action.blank = fields.number("blank", 0);
  action.missing = fields.number("missing", 0);
  action.invalid_utf8 = fields.number("invalid_utf8", 0);
  action.nul = fields.number("nul", 0);
  action.deep = fields.number("deep", 0, 10'000'000);
  action.long_bytes = fields.bytes("long_bytes", 0);
  action.none = fields.flag("none", false);
  action.bom = fields.flag("bom", false);
  action.crlf = fields.flag("crlf", false);
  action.no_last_newline = fields.flag("no_last_newline", false);
  return action;
}

using Reader = Action (*)(Fields&);
constexpr std::array<std::pair<std::string_view, Reader>, 23> readers{{
    {"error", read_error},
    {"redirect", read_redirect},
    {"lose_answer", read_lose_answer},
    {"close", read_close},
    {"reset", read_reset},
    {"hang", read_hang},
    {"delay", read_delay},
    {"slow", read_slow},
    {"cut", read_cut},
    {"garble", read_garble},
    {"frame", read_frame},
    {"lag", read_lag},
    {"late", read_late},
    {"never_end", read_never_end},
    {"stale", read_stale},
    {"counts", read_counts},
    {"foreign_batch", read_foreign},
    {"lines", read_lines},
    {"row_error", read_row_error},
    {"repeat", read_repeat},
    {"untallied", read_untallied},
    {"short_list", read_short_list},
    {"odd_entry", read_odd_entry},
}};

std::string unknown_action(std::string_view name) {
  std::vector<std::string_view> known;
  for (const auto& reader : readers) known.push_back(reader.first);
  const auto nearest = nearest_word(name, known);
  const auto shown = escape_for_display(name, 80);
  return nearest ? fmt::format("\"{}\" is not known; did you mean \"{}\"?", shown, *nearest)
                 : fmt::format("\"{}\" is not known; known are {}", shown, fmt::join(known, ", "));
}

}  // namespace

Action read_action(std::string_view value, const std::string& where, std::string& error) {
  const std::string named = json_kind(value) == JsonKind::string ? fmt::format("{{\"action\":{}}}", value) : "";
  Fields fields(named.empty() ? value : std::string_view(named), where, error);
  const auto name = fields.text("action", "");
  Action action;
  bool found = false;
  for (const auto& [known, read] : readers) {
    if (known != name) continue;
    action = read(fields);
    found = true;
  }
  if (!found) fields.fail("action", unknown_action(name));
  fields.finish();
  return action;
}

}  // namespace offpeak::sim
