// rejected.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/text.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/pages.hpp"
#include "daemon/cli/rejected_view.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t shown_bytes_max = 500;
constexpr std::size_t name_bytes_max = 200;

struct Arguments {
  std::string seen;
  std::int64_t limit = 0;
};

std::string shown(const JsonView& json, std::string_view key) {
  return escape_for_display(json.text(key), shown_bytes_max);
}

std::string name_of(const JsonView& record) { return escape_for_display(record.text("file"), name_bytes_max); }

// "3:14: not valid JSON": as compilers say it, behind the file's name.
std::string place_and_message(const JsonView& error) {
  std::string text;
  if (const auto line = error.integer("line"); line != 0) text += fmt::format("{}:", line);
  if (const auto column = error.integer("column"); !text.empty() && column != 0) text += fmt::format("{}:", column);
  return text + (text.empty() ? "" : " ") + shown(error, "message");
}

int list_rejected(Cli& cli, const Arguments& arguments) {
  Table table({{"ID", Align::right}, {"FILE"}, {"REJECTED"}, {"ERRORS", Align::right}, {"SEEN"}, {"FIRST ERROR"}});
  const auto add = [&](const JsonView& record) {
    if (cli.json) return print_json(cli, record.raw());
    const auto errors = record.array("errors");
    table.add({std::to_string(record.integer("id")), cut_to_width(name_of(record), 40),
               human_time(parse_rfc3339(record.text("at"))), human_count(record.integer("error_count")),
               record.flag("seen") ? "yes" : "no", errors.empty() ? "" : place_and_message(errors.front())});
  };
  if (const auto failed = for_each_item(cli, "/v1/rejected", "", arguments.limit, add)) return *failed;
  if (cli.json) return exit_done;
  if (table.empty()) {
    cli.out.talk("No file was rejected.");
  } else {
    cli.out.data(table.text());
  }
  return exit_done;
}

int see(Cli& cli, const std::string& id) {
  const auto answer = ask(cli, "POST", fmt::format("/v1/rejected/{}/seen", percent_encode(id)));
  if (answer.failed) return *answer.failed;
  if (cli.json) {
    print_json(cli, answer.reply.body);
  } else {
    cli.out.data(describe_rejected(cli.out, answer.json()));
  }
  return exit_done;
}

int see_all(Cli& cli) {
  std::vector<std::string> unseen;
  const auto note = [&unseen](const JsonView& record) {
    if (!record.flag("seen")) unseen.push_back(std::to_string(record.integer("id")));
  };
  if (const auto failed = for_each_item(cli, "/v1/rejected", "", 0, note)) return *failed;
  for (const auto& id : unseen) {
    if (const int code = see(cli, id); code != exit_done) return code;
  }
  if (unseen.empty() && !cli.json) cli.out.talk("Every rejected file was looked at.");
  return exit_done;
}

int run(Cli& cli, const Arguments& arguments) {
  if (arguments.seen.empty()) return list_rejected(cli, arguments);
  return arguments.seen == "all" ? see_all(cli) : see(cli, arguments.seen);
}

}  // namespace

std::string describe_rejected(const Output& out, const JsonView& record) {
  const auto name = name_of(record);
  const auto job = record.integer("job");
  auto text = job != 0 ? out.bold(fmt::format("{}: taken as job {}, and written to afterwards", name, job))
                       : out.bold(fmt::format("{}: rejected", name));
  text += fmt::format(" {}\n", human_time(parse_rfc3339(record.text("at"))));
  const auto errors = record.array("errors");
  for (const auto& error : errors) {
    text += fmt::format("{}:{}{}\n", name, error.integer("line") == 0 ? " " : "", place_and_message(error));
    if (const auto hint = shown(error, "hint"); !hint.empty()) text += fmt::format("    hint: {}\n", hint);
  }
  const auto count = record.integer("error_count");
  if (count > static_cast<std::int64_t>(errors.size())) text += fmt::format("{} errors in all\n", human_count(count));
  if (!record.text("stored").empty()) text += fmt::format("The file is in rejected/ as {}\n", shown(record, "stored"));
  return text;
}

std::optional<int> show_rejected(Cli& cli, const std::string& name) {
  const auto answer = ask(cli, "GET", "/v1/rejected?limit=1&file=" + percent_encode(name));
  if (answer.failed) return answer.failed;
  const auto found = answer.json().array("data");
  if (found.empty()) return std::nullopt;
  if (cli.json) {
    print_json(cli, found.front().raw());
  } else {
    cli.out.data(describe_rejected(cli.out, found.front()));
  }
  return exit_done;
}

void add_rejected_verb(CLI::App& app, Cli& cli) {
  auto* const verb = add_verb(app, cli, "rejected", "List files that were rejected, newest first");
  auto arguments = std::make_shared<Arguments>();
  verb->add_option("--seen", arguments->seen,
                   "A number of the list, or all: show what is wrong, and take it as looked at")
      ->check([](const std::string& text) {
        const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        return number || text == "all" ? std::string() : "write a number of the list, or all";
      });
  verb->add_option("--limit", arguments->limit, "At most this many")->check(CLI::PositiveNumber);
  verb->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return run(cli, *arguments); }; });
}

}  // namespace offpeak::cli
