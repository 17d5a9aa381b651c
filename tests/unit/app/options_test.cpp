// The command line of offpeakd and what it tells systemd. Compiled here with the two files, since the
// daemon's own library needs every other room.
#include "daemon/options.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "daemon/notify.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CommandLine : public testing::Test {
 protected:
  std::variant<DaemonOptions, int> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "offpeakd");
    return parse_options(static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }
  DaemonOptions options(std::vector<const char*> arguments) {
    auto parsed = parse(std::move(arguments));
    EXPECT_EQ(parsed.index(), 0U) << err_.str();
    return parsed.index() == 0 ? std::get<0>(std::move(parsed)) : DaemonOptions();
  }

  std::ostringstream out_, err_;
};

TEST_F(CommandLine, GivesTheOptions) {
  const auto plain = options({});
  EXPECT_EQ(config_file_of(plain), "/etc/offpeak/offpeak.toml");
  EXPECT_EQ(plain.verb, Verb::run);
  const auto all = options(
      {"--config", "x.toml", "--set", "batch.linger=1s", "--set=provider.betas=[\"a\",\"b\"]", "--check-config"});
  EXPECT_EQ(config_file_of(all), "x.toml");
  EXPECT_THAT(all.overrides, ElementsAre("batch.linger=1s", "provider.betas=[\"a\",\"b\"]"));
  EXPECT_EQ(all.verb, Verb::check_config);
}

TEST_F(CommandLine, ARootNamesItsOwnFile) {
  EXPECT_EQ(config_file_of(options({"--root", "/x/"})), "/x/offpeak.toml");
  EXPECT_EQ(config_file_of(options({"--root", "here"})),
            std::filesystem::current_path().string() + "/here/offpeak.toml");
  EXPECT_EQ(config_file_of(options({"--root", "/x", "--config", "/y.toml"})), "/y.toml");
}

TEST_F(CommandLine, HelpAndVersionGoToStandardOutput) {
  EXPECT_EQ(std::get<int>(parse({"--version"})), 0);
  EXPECT_EQ(out_.str(), "offpeakd " OFFPEAK_VERSION "\n");
  EXPECT_EQ(std::get<int>(parse({"--help"})), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--root DIR"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CommandLine, AUsageErrorExitsTwoAndGoesToStandardError) {
  EXPECT_EQ(std::get<int>(parse({"--nonsense"})), exit_usage);
  EXPECT_EQ(std::get<int>(parse({"word"})), exit_usage);
  EXPECT_EQ(std::get<int>(parse({"--config"})), exit_usage);
  EXPECT_EQ(std::get<int>(parse({"--set", "a.b=1", "c.d=2"})), exit_usage);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("--nonsense"));
}

TEST_F(CommandLine, TheFirstStartMakesTheRootsFile) {
  const TemporaryFolder folder;
  DaemonOptions options;
  options.root = folder / "a/b";
  const auto settings = settings_at_start(options, err_);
  ASSERT_TRUE(settings) << err_.str();
  EXPECT_EQ(settings->config.paths,
            (PathsConfig{folder / "a/b/spool", folder / "a/b/state", folder / "a/b/offpeak.sock"}));
  const auto text = folder.read("a/b/offpeak.toml");
  EXPECT_THAT(text, HasSubstr("\n[batch]\n# max_requests = 100000"));
  const auto parsed = parse_config(text, "offpeak.toml", "", {});
  ASSERT_EQ(parsed.index(), 0U);
  EXPECT_EQ(std::get<0>(parsed), Config()) << "sets nothing";
}

TEST_F(CommandLine, ARootsFileIsKeptButDoesNotDecideThePaths) {
  const TemporaryFolder folder;
  folder.write("offpeak.toml", "[paths]\nspool = \"/var/spool/offpeak\"\n[batch]\nlinger = \"3s\"\n");
  DaemonOptions options;
  options.root = folder.path();
  options.overrides = {"paths.state=/elsewhere"};
  const auto settings = settings_at_start(options, err_);
  ASSERT_TRUE(settings) << err_.str();
  EXPECT_EQ(settings->config.paths.spool, folder / "spool");
  EXPECT_EQ(settings->config.paths.state, "/elsewhere");
  EXPECT_EQ(settings->config.batch.linger, std::chrono::seconds(3));
}

TEST_F(CommandLine, ARootThatCannotBeMadeIsSaid) {
  const TemporaryFolder folder;
  DaemonOptions options;
  options.root = folder.write("file", "") + "/root";
  EXPECT_FALSE(settings_at_start(options, err_));
  EXPECT_THAT(err_.str(), HasSubstr("--root: cannot make the folder"));
}

TEST_F(CommandLine, CheckConfigPrintsAllErrorsAndMakesNothing) {
  const TemporaryFolder folder;
  DaemonOptions options;
  options.root = folder / "root";
  EXPECT_EQ(check_config(options, out_, err_), 0);
  EXPECT_EQ(out_.str(), (folder / "root/offpeak.toml") + ": ok\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "root"));
  options.overrides = {"batch.lingr=1s", "log.level=x"};
  EXPECT_EQ(check_config(options, out_, err_), exit_configuration);
  EXPECT_THAT(err_.str(), HasSubstr("offpeakd: --set: unknown key batch.lingr (hint: did you mean linger?)\n"));
  EXPECT_THAT(err_.str(), HasSubstr("offpeakd: --set: log.level"));
}

TEST_F(CommandLine, AMissingConfigurationIsAnError) {
  DaemonOptions options;
  options.config_file = "/nonexistent/offpeak.toml";
  EXPECT_FALSE(settings_at_start(options, err_));
  EXPECT_THAT(err_.str(), HasSubstr("/nonexistent/offpeak.toml: cannot open"));
}

// Plays the service manager: a datagram socket in $NOTIFY_SOCKET.
class Notify : public testing::Test {
 protected:
  Notify() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const auto path = folder_ / "notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Notify() override {
    ::close(fd_);
    for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  std::string received() {
    std::array<char, 4096> buffer{};
    const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : "";
  }

  TemporaryFolder folder_;
  int fd_;
};

TEST_F(Notify, SpeaksTheProtocol) {
  notify_ready("up\nREADY=0");
  EXPECT_EQ(received(), "READY=1\nSTATUS=up\\x0aREADY=0");
  notify_reloading();
  EXPECT_THAT(received(), testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
  notify_stopping();
  EXPECT_EQ(received(), "STOPPING=1");
  notify_status("12 requests wait");
  EXPECT_EQ(received(), "STATUS=12 requests wait");
  notify_watchdog();
  EXPECT_EQ(received(), "WATCHDOG=1");
}

TEST_F(Notify, PingsTwiceWithinTheWatchdogsTime) {
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(15));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt) << "another process is watched";
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(15));
  for (const auto* nothing : {"", "0", "soon", "30s", "-1", "18446744073709551615", "18446744073709551616"}) {
    ::setenv("WATCHDOG_USEC", nothing, 1);
    EXPECT_EQ(watchdog_interval(), std::nullopt) << nothing;
  }
}

TEST_F(Notify, NobodyListensAndNothingHappens) {
  for (const auto& nowhere : {std::string(), std::string("/"), folder_ / "gone", std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", nowhere.c_str(), 1);
    notify_stopping();
  }
  ::unsetenv("NOTIFY_SOCKET");
  notify_stopping();
  EXPECT_EQ(received(), "");
}

TEST_F(Notify, TheJournalIsRecognizedByDeviceAndInode) {
  struct stat status{};
  ASSERT_EQ(::fstat(fd_, &status), 0);
  const auto stream = fmt::format("{}:{}", status.st_dev, status.st_ino);
  EXPECT_TRUE(is_journal_stream(stream.c_str(), fd_));
  EXPECT_FALSE(is_journal_stream((stream + "0").c_str(), fd_));
  EXPECT_FALSE(is_journal_stream(nullptr, fd_));
  EXPECT_FALSE(is_journal_stream(stream.c_str(), -1));
  EXPECT_NE(make_log(LogLevel::info), nullptr);
}

}  // namespace
}  // namespace offpeak
