// One line per fact, whatever the values hold.
#include "base/log.hpp"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "base/id.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

TEST(LogLine, HoldsEventAndFields) {
  EXPECT_EQ(log_line("job.done", {}), "job.done");
  EXPECT_EQ(
      log_line("job.done", {{"job", 7}, {"name", "reviews"}, {"ok", true}, {"usd", 1.5}, {"id", Id<struct X>{3}}}),
      "job.done job=7 name=reviews ok=true usd=1.5 id=3");
}

TEST(LogLine, QuotesWhatWouldReadAsMoreThanOneValue) {
  EXPECT_EQ(log_line("e", {{"a", ""}}), "e a=\"\"");
  EXPECT_EQ(log_line("e", {{"a", "x y"}}), "e a=\"x y\"");
  EXPECT_EQ(log_line("e", {{"a", "x level=error"}}), "e a=\"x level=error\"");
  EXPECT_EQ(log_line("e", {{"a", "say \"hi\""}}), "e a=\"say \\\"hi\\\"\"");
  EXPECT_EQ(log_line("e", {{"a", "\\\" b=1"}}), "e a=\"\\\\\\\" b=1\"") << "a backslash does not end the quotes";
}

TEST(LogLine, IsOneLineWithoutControlCharacters) {
  const auto line = log_line("e", {{"a", "x\n2026-01-01T00:00:00Z error forged\x1b[2J\xC2\x9B\r"}});
  EXPECT_EQ(line.find_first_of("\n\r\x1b"), line.npos);
  EXPECT_EQ(line.find("\xC2\x9B"), line.npos);
  EXPECT_THAT(line, ::testing::HasSubstr("x\\x0a2026"));
}

TEST(LogLine, CutsLongValues) {
  const std::string huge(10'000'000, 'x');
  EXPECT_LE(log_line("e", {{"a", huge}, {"b", std::string(5000, '"')}}).size(), 4300U);
}

TEST(TextLog, WritesWhatItsLevelAllows) {
  const TemporaryFolder folder;
  const int fd = ::open((folder / "log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  TextLog log(fd, LogLevel::info);
  log.debug("not.this");
  log.info("this", {{"n", 1}});
  log.set_level(LogLevel::error);
  log.warning("not.this");
  log.error("that");
  log.set_level(LogLevel::debug);
  log.debug("too");
  ::close(fd);
  EXPECT_THAT(folder.read("log"), ::testing::MatchesRegex("[0-9TZ:.-]+ info this n=1\n[0-9TZ:.-]+ error that\n"
                                                          "[0-9TZ:.-]+ debug too\n"));
}

TEST(TextLog, ABrokenLogStopsNothing) {
  TextLog log(-1, LogLevel::debug);
  log.error("nowhere");
  JournalLog(LogLevel::debug).debug("no.journal.here.perhaps", {{"key", "value"}});
}

// Plays the journal.
TEST(JournalLog, GivesTheJournalAFieldALine) {
  const TemporaryFolder folder;
  // By its abstract address, which leaves nothing behind.
  const std::string name = folder / "journal";
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(name.size() + 1, sizeof address.sun_path);
  name.copy(address.sun_path + 1, name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  JournalLog log(LogLevel::info, "@" + name);
  log.debug("not.this");
  log.warning("disk.full", {{"what", "a\nPRIORITY=0"}, {"bytes", 7}});
  std::array<char, 4096> buffer{};
  const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(got)),
            "MESSAGE=disk.full what=\"a\\x0aPRIORITY=0\" bytes=7\nPRIORITY=4\nSYSLOG_IDENTIFIER=" +
                std::string(::program_invocation_short_name) +
                "\nOFFPEAK_EVENT=disk.full\nOFFPEAK_WHAT=a\\x0aPRIORITY=0\nOFFPEAK_BYTES=7\n");
  EXPECT_LT(::recv(fd, buffer.data(), buffer.size(), 0), 0) << "one entry a datagram";
  ::close(fd);
}

}  // namespace
}  // namespace offpeak
