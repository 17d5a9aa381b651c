// Text that strangers choose - file names, keys, error messages - on its way to a terminal, a log, a path; and the small
// words that people write. The input is such a text.
#include "base/log.hpp"
#include "base/text.hpp"
#include "fuzz.hpp"
#include "ingest/file_kind.hpp"
#include "model/params.hpp"

namespace offpeak::fuzz {
namespace {

void check_escaping(std::string_view text) {
  const auto whole = escape_for_display(text, 4 * text.size());
  require(is_displayable(whole), "what is escaped can be shown", whole);
  require(escape_for_display(whole, whole.size()) == whole, "escaping twice changes nothing", whole);
  if (is_displayable(text)) require(whole == text, "what can be shown stays as it is", text);
  for (const std::size_t most : {0U, 1U, 3U, 60U, 1024U}) {
    const auto cut = escape_for_display(text, most);
    require(is_displayable(cut), "what is cut can be shown", cut);
    require(cut.size() <= most || (cut.size() <= most + 3 && cut.ends_with("...")), "the limit holds", cut);
    const std::string_view kept = std::string_view(cut).substr(0, cut.size() - (cut == whole ? 0 : 3));
    require(whole.starts_with(kept), "what is cut is the beginning", cut);
  }
}

void check_file_name(std::string_view text) {
  for (const std::size_t most : {1U, 2U, 100U}) {
    const auto name = safe_file_name(text, most);
    require(!name.empty() && name.size() <= most && name != "." && name != "..", "a name is a name", name);
    require(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == name.npos,
            "a name in a path holds nothing that a path or a shell reads", name);
  }
  if (const auto kind = file_kind(text)) {
    require(is_displayable(kind->job_name), "a job's name can be shown", kind->job_name);
  } else {
    require(is_displayable(kind.error().message) && is_displayable(kind.error().hint), "a refusal can be shown",
            kind.error().message);
  }
}

void check_log(std::string_view text) {
  const auto line = log_line("fuzz.event", {{"name", text}, {"count", 7}});
  require(is_displayable(line), "a log line is one line that can be shown", line);
  require(line.starts_with("fuzz.event name=") && line.ends_with(" count=7"), "a value stays in its field", line);
  require(line.size() <= 2048, "a log line is short", line);
}

void check_words(std::string_view text) {
  if (const auto duration = parse_duration(text)) {
    require(duration->count() >= 0 && *duration <= std::chrono::days(36'525), "a duration is in range", text);
    require(parse_duration(to_text(*duration)) == duration, "a duration survives writing and reading", text);
  }
  if (const auto bytes = parse_bytes(text)) require(*bytes < 9'100'000'000'000'000'000U, "a size is in range", text);
  static constexpr std::string_view known[] = {"custom_id", "params", ""};
  if (text.size() < 500) (void)nearest_word(text, known);
  if (const auto id = parse_wire_id(text)) {
    require(wire_id(*id) == text, "a wire id has one form", text);
  }
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  check_escaping(text);
  check_file_name(text);
  check_log(text);
  check_words(text);
  return 0;
}
