// The configuration file: what is accepted, and what is said about what is not.
#include "config/config.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "config/keys.hpp"
#include "config/load.hpp"

namespace offpeak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Parsed = std::variant<Config, std::vector<ConfigError>>;

Parsed parse(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return parse_config(text, "offpeak.toml", "/etc/offpeak", overrides);
}

std::vector<std::string> errors_of(const Parsed& parsed) {
  std::vector<std::string> texts;
  if (const auto* errors = std::get_if<1>(&parsed)) {
    for (const auto& error : *errors) texts.push_back(to_text(error));
  }
  return texts;
}

Config good(std::string_view text, const std::vector<std::string>& overrides = {}) {
  auto parsed = parse(text, overrides);
  EXPECT_THAT(errors_of(parsed), IsEmpty()) << text;
  return parsed.index() == 0 ? std::get<0>(std::move(parsed)) : Config();
}

// The only error of one key with one value.
std::string fault(const std::string& section, const std::string& line) {
  const auto errors = errors_of(parse(fmt::format("[{}]\n{}\n", section, line)));
  EXPECT_EQ(errors.size(), 1U) << line;
  return errors.empty() ? "" : errors.front();
}

TEST(Config, TheShippedFileGivesTheDefaults) {
  const auto parsed = parse_config(shipped_config(), "offpeak.toml", "", {});
  ASSERT_THAT(errors_of(parsed), IsEmpty());
  EXPECT_EQ(std::get<0>(parsed), Config());
}

TEST(Config, TheShippedFileNamesEveryKey) {
  const auto text = shipped_config();
  for (const auto& key : known_keys()) {
    const auto section = text.find(fmt::format("\n[{}]", key.section));
    ASSERT_NE(section, text.npos) << key.section;
    const auto place = text.find(fmt::format("\n{} = ", key.name), section);
    ASSERT_NE(place, text.npos) << key.name;
    EXPECT_EQ(text.find("\n[", section + 1), text.find("\n[", place)) << key.name << " stands in another section";
  }
}

TEST(Config, AnEmptyFileGivesTheDefaultsWithPathsFromItsFolder) {
  Config expected;
  expected.money.prices = "/etc/offpeak/prices.toml";
  EXPECT_EQ(good(""), expected);
}

TEST(Config, EveryKeyReachesItsMember) {
  const auto config = good(R"(
[paths]
spool = "/s/"
state = "/t"
socket = "/x.sock"
[provider]
base_url = "http://127.0.0.1:8080/prefix"
api_key_file = "key"
auth = "bearer"
version = "2026-10-21"
betas = ["output-300k-2026-03-24", "b"]
exclusive = false
ca_file = "/ca.pem"
connect_timeout = "1s"
answer_timeout = "2s"
settle_unknown = 0
[batch]
max_requests = 1
max_bytes = "1KB"
linger = "1500ms"
max_open_batches = 2
max_queued_requests = 3
[poll]
min_interval = "4ms"
max_interval = "5ms"
[retry]
max_attempts = 6
backoff = "7s"
max_backoff = "8s"
[intake]
settle = 0
rescan = "9m"
max_file_bytes = "1GiB"
[money]
daily_cap_usd = 12.5
prices = "/p.toml"
[retention]
jobs = "1d"
[log]
level = "debug"
)");
  using namespace std::chrono_literals;
  EXPECT_EQ(config.paths, (PathsConfig{"/s", "/t", "/x.sock"}));
  EXPECT_EQ(config.provider, (ProviderConfig{"http://127.0.0.1:8080/prefix",
                                             "key",
                                             AuthScheme::bearer,
                                             "2026-10-21",
                                             {"output-300k-2026-03-24", "b"},
                                             false,
                                             "/ca.pem",
                                             1s,
                                             2s,
                                             0s}));
  EXPECT_EQ(config.batch, (BatchConfig{1, 1000, 1500ms, 2, 3}));
  EXPECT_EQ(config.poll, (PollConfig{4ms, 5ms}));
  EXPECT_EQ(config.retry, (RetryConfig{6, 7s, 8s}));
  EXPECT_EQ(config.intake, (IntakeConfig{0s, 9min, std::uint64_t{1} << 30}));
  EXPECT_EQ(config.money, (MoneyConfig{12.5, "/p.toml"}));
  EXPECT_EQ(config.retention.jobs, Duration(24h));
  EXPECT_EQ(config.log.level, LogLevel::debug);
}

TEST(Config, AllErrorsComeAtOnceInTheOrderOfTheFile) {
  const auto errors =
      errors_of(parse("[retry]\nbackof = \"1s\"\n[batch]\n  lingr = \"1s\"\nmax_requests = 0\n"
                      "[pol]\nmin_interval = \"1s\"\n",
                      {"log.level=loud"}));
  EXPECT_THAT(errors, ElementsAre("offpeak.toml:2:1: unknown key retry.backof (hint: did you mean backoff?)",
                                  "offpeak.toml:4:3: unknown key batch.lingr (hint: did you mean linger?)",
                                  "offpeak.toml:5:16: batch.max_requests 0 is out of range (hint: 1 to 100000)",
                                  "offpeak.toml:6:2: unknown section [pol] (hint: did you mean [poll]?)",
                                  HasSubstr("--set: log.level \"loud\" is none of error, warning, info, debug")));
}

TEST(Config, AKeyInTheWrongSectionIsToldWhereItBelongs) {
  EXPECT_EQ(fault("batch", "min_interval = \"1s\""),
            "offpeak.toml:2:1: unknown key batch.min_interval (hint: min_interval belongs to [poll])");
  EXPECT_THAT(errors_of(parse("linger = \"1s\"")),
              ElementsAre("offpeak.toml:1:1: unknown key linger (hint: linger belongs to [batch])"));
}

TEST(Config, AKeyLikeNoneGetsTheListOfThoseThatExist) {
  EXPECT_THAT(fault("poll", "xyzzyxyzzyxyzzy = 1"), HasSubstr("[poll] has min_interval, max_interval"));
  EXPECT_THAT(errors_of(parse("[xyzzyxyzzyxyzzy]")), ElementsAre(HasSubstr("the sections are paths, provider, batch")));
}

TEST(Config, ASectionMustBeATable) {
  EXPECT_THAT(errors_of(parse("batch = 3")),
              ElementsAre(HasSubstr("1:1: batch is a section (hint: write it as [batch])")));
  EXPECT_THAT(errors_of(parse("[[batch]]")), ElementsAre(HasSubstr("batch is a section")));
}

TEST(Config, BrokenTomlIsReportedWithItsPlace) {
  const auto errors = errors_of(parse("[batch]\nlinger = 10s\n"));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors[0], testing::StartsWith("offpeak.toml:2:"));
  EXPECT_THAT(errors_of(parse("[log]\nlevel = \"info\"\nlevel = \"debug\"\n")),
              ElementsAre(testing::StartsWith("offpeak.toml:3:")));
  EXPECT_EQ(errors_of(parse("[log]\nlevel = \"\xFF\"\n")).size(), 1U);
}

TEST(Config, TypesAreNotConverted) {
  EXPECT_THAT(fault("batch", "max_requests = \"5\""), HasSubstr("must be a whole number"));
  EXPECT_THAT(fault("batch", "max_requests = 5.0"), HasSubstr("must be a whole number"));
  EXPECT_THAT(fault("batch", "linger = 10"), HasSubstr("must be a duration"));
  EXPECT_THAT(fault("batch", "max_bytes = 256000000"), HasSubstr("must be a size"));
  EXPECT_THAT(fault("provider", "exclusive = \"true\""), HasSubstr("must be true or false"));
  EXPECT_THAT(fault("provider", "version = 2023-06-01"), HasSubstr("must be a string"));
  EXPECT_THAT(fault("provider", "betas = \"one\""), HasSubstr("must be a list of strings"));
  EXPECT_THAT(fault("provider", "betas = [1]"), HasSubstr("must be a string"));
  EXPECT_THAT(fault("money", "daily_cap_usd = \"5\""), HasSubstr("must be a number"));
  EXPECT_THAT(fault("log", "level = 3"), HasSubstr("must be a string"));
}

TEST(Config, ValuesHaveLimits) {
  EXPECT_THAT(fault("batch", "max_requests = 100001"), HasSubstr("out of range"));
  EXPECT_THAT(fault("batch", "max_requests = -1"), HasSubstr("out of range"));
  EXPECT_THAT(fault("batch", "max_bytes = \"256000001B\""), HasSubstr("out of range"));
  EXPECT_THAT(fault("batch", "max_bytes = \"999B\""), HasSubstr("out of range"));
  EXPECT_THAT(fault("batch", "max_bytes = 0"), HasSubstr("out of range"));
  EXPECT_THAT(fault("batch", "linger = \"-1s\""), HasSubstr("is not a duration"));
  EXPECT_THAT(fault("batch", "linger = \"10 parsecs\""), HasSubstr("is not a duration"));
  EXPECT_THAT(fault("retry", "max_attempts = 0"), HasSubstr("out of range"));
  EXPECT_THAT(fault("money", "daily_cap_usd = -0.01"), HasSubstr("out of range"));
  EXPECT_THAT(fault("money", "daily_cap_usd = inf"), HasSubstr("out of range"));
  EXPECT_THAT(fault("money", "daily_cap_usd = nan"), HasSubstr("out of range"));
  EXPECT_THAT(fault("provider", "auth = \"basic\""), HasSubstr("is none of x-api-key, bearer"));
  EXPECT_THAT(fault("paths", "spool = \"\""), HasSubstr("must not be empty"));
  EXPECT_THAT(fault("paths", R"(spool = "/a\u0000b")"), HasSubstr("control character"));
}

TEST(Config, HeaderValuesCannotSmuggleAHeader) {
  EXPECT_THAT(fault("provider", R"(version = "1\r\nx: y")"), HasSubstr("cannot go into an HTTP header"));
  EXPECT_THAT(fault("provider", "version = \"\""), HasSubstr("cannot go into an HTTP header"));
  EXPECT_THAT(fault("provider", "betas = [\"a,b\"]"), HasSubstr("cannot go into an HTTP header"));
  EXPECT_THAT(fault("provider", "betas = [\"gr\u00fcn\"]"), HasSubstr("cannot go into an HTTP header"));
}

TEST(Config, PollIntervalsMustNotCross) {
  EXPECT_THAT(errors_of(parse("[poll]\nmin_interval = \"20s\"\nmax_interval = \"10s\"\n")),
              ElementsAre(HasSubstr("3:1: poll.max_interval is 10s, shorter than poll.min_interval of 20s")));
  EXPECT_THAT(errors_of(parse("[poll]\nmin_interval = \"20s\"\n", {"poll.max_interval=10s"})),
              ElementsAre(testing::StartsWith("--set: poll.max_interval")));
}

TEST(Config, OneIntervalAloneMovesTheOthersDefault) {
  EXPECT_EQ(good("[poll]\nmax_interval = \"1s\"\n").poll.min_interval, std::chrono::seconds(1));
  EXPECT_EQ(good("[poll]\nmin_interval = \"5m\"\n").poll.max_interval, std::chrono::minutes(5));
}

TEST(Config, RelativePathsStartAtTheFilesFolder) {
  const auto config = good(
      "[paths]\nspool = \"spool\"\nsocket = \"../o.sock\"\n[provider]\nca_file = \"ca.pem\"\n"
      "api_key_file = \"./key\"\n[money]\nprices = \"p/x.toml\"\n",
      {"paths.state=state"});
  EXPECT_EQ(config.paths.spool, "/etc/offpeak/spool");
  EXPECT_EQ(config.paths.state, "/etc/offpeak/state");
  EXPECT_EQ(config.paths.socket, "/etc/offpeak/../o.sock");
  EXPECT_EQ(config.provider.ca_file, "/etc/offpeak/ca.pem");
  EXPECT_EQ(config.provider.api_key_file, "/etc/offpeak/./key");
  EXPECT_EQ(config.money.prices, "/etc/offpeak/p/x.toml");
}

TEST(Config, ASocketPathMustFitTheSystemsLimit) {
  EXPECT_EQ(good(fmt::format("[paths]\nsocket = \"/{}\"", std::string(106, 'a'))).paths.socket.size(), 107U);
  EXPECT_THAT(fault("paths", fmt::format("socket = \"/{}\"", std::string(107, 'a'))),
              HasSubstr("2:1: paths.socket has 108 bytes, 107 are allowed"));
}

TEST(Overrides, BeatTheFileAndTheLastOneWins) {
  const auto config = good("[batch]\nlinger = \"1s\"\nmax_requests = 7\n", {"batch.linger=2s", "batch.linger=3s"});
  EXPECT_EQ(config.batch.linger, std::chrono::seconds(3));
  EXPECT_EQ(config.batch.max_requests, 7U);
}

TEST(Overrides, NeedNoQuotes) {
  const auto config =
      good("", {"provider.base_url=http://localhost:1", "provider.version=2026-10-21", "provider.exclusive=false",
                "provider.betas=[\"a\", \"b\"]", "batch.max_bytes=1MB", "batch.max_requests=5", "money.daily_cap_usd=1",
                "log.level=\"error\"", "provider.api_key_file=", "paths.spool=/a=b#c"});
  EXPECT_EQ(config.provider.base_url, "http://localhost:1");
  EXPECT_EQ(config.provider.version, "2026-10-21");
  EXPECT_FALSE(config.provider.exclusive);
  EXPECT_THAT(config.provider.betas, ElementsAre("a", "b"));
  EXPECT_EQ(config.batch.max_bytes, 1'000'000U);
  EXPECT_EQ(config.batch.max_requests, 5U);
  EXPECT_EQ(config.money.daily_cap_usd, 1);
  EXPECT_EQ(config.log.level, LogLevel::error);
  EXPECT_EQ(config.provider.api_key_file, "");
  EXPECT_EQ(config.paths.spool, "/a=b#c");
}

TEST(Overrides, AreCheckedAsTheFileIs) {
  EXPECT_THAT(
      errors_of(parse("", {"batch.max_requests=0", "batch.lingr=1s", "bach.linger=1s", "linger", "linger=1",
                           "batch.max_requests=five", "batch.=1", "=", "log.level=x\"\nx = 1"})),
      ElementsAre("--set: batch.max_requests 0 is out of range (hint: 1 to 100000)",
                  "--set: unknown key batch.lingr (hint: did you mean linger?)",
                  "--set: unknown section [bach] (hint: did you mean [batch]?)",
                  HasSubstr("--set: linger is not SECTION.KEY=VALUE"),
                  HasSubstr("--set: linger=1 is not SECTION.KEY=VALUE"),
                  HasSubstr("--set: batch.max_requests must be a whole number"), HasSubstr("--set: unknown key batch."),
                  HasSubstr("is not SECTION.KEY=VALUE"), HasSubstr("--set: log.level \"x\"\\x0ax = 1\" is none of")));
}

}  // namespace
}  // namespace offpeak
