#include "daemon/sim/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "sim/script.hpp"

namespace offpeak::sim {

namespace {

// As they were given; empty: not given.
struct Given {
  std::string listen = "127.0.0.1:0";
  std::string processing_time, script, max_requests, max_bytes, answer_bytes, seed;
};

constexpr int usage_exit_code = 2;

// "127.0.0.1:8080", "[::1]:0", "localhost:0". Only this machine may be listened on: the simulator asks for no
// real key.
bool read_listen(const std::string& text, Options& options) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  auto host = text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(host, ec);
  if (ec || !address.is_loopback()) return false;
  const auto [end, bad] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), options.port);
  options.host = host;
  return bad == std::errc() && end == text.data() + text.size();
}

bool read_number(const std::string& text, std::uint64_t& out) {
  if (text.empty()) return true;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

bool read_size(const std::string& text, std::uint64_t& out) {
  if (read_number(text, out)) return true;
  const auto bytes = parse_bytes(text);
  if (bytes) out = *bytes;
  return bytes.has_value();
}

// What is wrong, or nothing. The script first: the command line has the last word.
std::string complete(const Given& given, const std::string& api_key, Options& options) {
  if (!given.script.empty()) {
    std::ifstream file(given.script, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) return fmt::format("cannot read {}", given.script);
    auto script = parse_script(text.str(), options.settings);
    if (!script) return fmt::format("{}: {}", given.script, script.error().message);
    options.settings = std::move(script->settings);
    options.faults = std::move(script->faults);
  }
  auto& settings = options.settings;
  if (!read_listen(given.listen, options)) {
    return "--listen: must be a loopback address and a port, such as 127.0.0.1:0";
  }
  if (!given.processing_time.empty()) {
    const auto duration = parse_duration(given.processing_time);
    if (!duration) return "--processing-time: must be a duration such as 250ms, 2s or 24h";
    settings.processing_time = *duration;
  }
  if (!read_number(given.seed, settings.seed)) return "--seed: must be a whole number";
  if (!read_number(given.max_requests, settings.max_requests)) return "--max-requests: must be a whole number";
  if (!read_size(given.max_bytes, settings.max_bytes)) return "--max-bytes: must be a size such as 256MB";
  if (!read_size(given.answer_bytes, settings.answer_bytes)) return "--answer-bytes: must be a size such as 300";
  if (!api_key.empty()) settings.api_key = api_key;
  if (options.tls_certificate.empty() != options.tls_key.empty()) return "--tls-cert and --tls-key go together";
  if (!options.tls_key.empty()) settings.scheme = "https";
  return "";
}

}  // namespace

ParsedOptions parse_options(int argc, char** argv) {
  ParsedOptions parsed;
  Given given;
  std::string api_key;
  CLI::App app{
      "offpeak-sim: a simulated Message Batches API over HTTP, for trying offpeak without a key and for "
      "tests"};
  app.set_version_flag("--version", OFFPEAK_VERSION);
  app.add_option("--listen", given.listen,
                 "Loopback address and port; port 0 takes a free one. Its first output line "
                 "is \"listening on URL\"");
  app.add_option("--processing-time", given.processing_time, "From a batch's creation to its end (2s)");
  app.add_option("--seed", given.seed, "Repeats a run (1)");
  app.add_option("--script", given.script, "JSON file with settings, outcomes and faults, see below");
  app.add_option("--max-requests", given.max_requests, "In one batch (100000)");
  app.add_option("--max-bytes", given.max_bytes, "Of one create's body (256MB)");
  app.add_option("--answer-bytes", given.answer_bytes, "Of text in each succeeded message (300)");
  app.add_option("--api-key", api_key, "The only key that is accepted (any)");
  app.add_option("--tls-cert", parsed.options.tls_certificate, "PEM file: serve https")->check(CLI::ExistingFile);
  app.add_option("--tls-key", parsed.options.tls_key, "PEM file")->check(CLI::ExistingFile);
  app.footer(std::string(script_format) +
             "\nGET /_sim/ledger[?summary=1] tells what was created and billed, by request content; also\n"
             "/_sim/faults, /_sim/settings, /_sim/digest, /_sim/foreign, /_sim/end, /_sim/shutdown.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error) == 0 ? 0 : usage_exit_code;
    return parsed;
  }
  if (const auto wrong = complete(given, api_key, parsed.options); !wrong.empty()) {
    fmt::print(stderr, "offpeak-sim: {}\n", wrong);
    parsed.exit_code = usage_exit_code;
  }
  return parsed;
}

}  // namespace offpeak::sim
