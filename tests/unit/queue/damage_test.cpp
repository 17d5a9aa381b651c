// A byte of the file changes behind the queue's back. Whatever it is, the queue refuses the file, or says that it cannot
// go on, or nothing can be told from before: never other requests to send, other outcomes, other counts.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "everything.hpp"
#include "queue_world.hpp"
#include "support/failing_reads.hpp"

namespace offpeak::testing {
namespace {

enum class Seen : std::uint8_t { refused, stopped, same, audited, different };

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() { world_.close(); }

  // What becomes of a file with these bytes. The audit may see what `everything` does not show.
  Seen look_at(const std::string& bytes, Queue::OpeningCheck check) {
    write_file(world_.path(), bytes);
    std::filesystem::remove(world_.path() + "-wal");
    std::unique_ptr<Queue> queue;
    try {
      queue = std::make_unique<Queue>(world_.path(), check);
    } catch (const QueueError& error) {
      EXPECT_GT(std::string(error.what()).size(), 20u);
      return Seen::refused;
    }
    try {
      const auto now = everything(*queue);
      if (now == expected_) return Seen::same;
      if (!queue->audit(std::nullopt).ok()) return Seen::audited;
      std::cerr << "before:\n" << expected_ << "now:\n" << now;
      return Seen::different;
    } catch (const QueueError&) {
      return Seen::stopped;
    }
  }

  QueueWorld world_{FilledFile::get().world.path()};
  const std::string intact_ = read_file(FilledFile::get().world.path());
  const std::string expected_ = [this] {
    world_.open();
    return everything(*world_.queue);
  }();
};

// OFFPEAK_DAMAGE_FLIPS: how many; 0: every byte of the file, one bit each. OFFPEAK_DAMAGE_SEED: another sample.
struct Sample {
  Sample() {
    if (const char* text = std::getenv("OFFPEAK_DAMAGE_FLIPS")) flips = std::strtoull(text, nullptr, 10);
    if (const char* text = std::getenv("OFFPEAK_DAMAGE_SEED")) seed = std::strtoull(text, nullptr, 10);
  }
  std::size_t flips = 60;
  std::uint64_t seed = 1;
};

TEST_F(DamageTest, NothingIsSeenInAFileThatIsIntact) {
  EXPECT_EQ(look_at(intact_, Queue::OpeningCheck::all), Seen::same);
  EXPECT_EQ(look_at(intact_, Queue::OpeningCheck::none), Seen::same);
}

TEST_F(DamageTest, AFlippedBitNeverChangesWhatIsSentOrCounted) {
  const Sample sample;
  std::mt19937_64 random(sample.seed);
  const auto count = sample.flips == 0 ? intact_.size() : sample.flips;
  std::map<Seen, int> seen;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = sample.flips == 0 ? i : random() % intact_.size();
    const auto bit = random() % 8;
    auto bytes = intact_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    const auto what = look_at(bytes, Queue::OpeningCheck::all);
    ++seen[what];
    ASSERT_TRUE(what == Seen::refused || what == Seen::stopped || what == Seen::same)
        << "bit " << bit << " of byte " << at << ", seed " << sample.seed;
  }
  EXPECT_GT(seen[Seen::refused], 0);
}

// Where the bytes of this row begin in the file.
std::size_t place_of(const std::string& bytes, const std::string& needle) {
  const auto at = bytes.find(needle);
  EXPECT_NE(at, std::string::npos) << needle;
  return at;
}

// A bit that flips while the daemon runs is found by whoever reads the row.
class DamagedRowTest : public DamageTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(DamagedRowTest, IsNamedByItsReader) {
  const auto at = place_of(intact_, GetParam());
  for (std::size_t i = 0; i < std::strlen(GetParam()); i += 3) {
    auto bytes = intact_;
    bytes[at + i] = static_cast<char>(bytes[at + i] ^ 1);
    EXPECT_EQ(look_at(bytes, Queue::OpeningCheck::none), Seen::stopped) << GetParam() << ", byte " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Text, DamagedRowTest,
                         ::testing::Values("nonce2", "msgbatch_1", "a.jsonl", "end_turn", "msgbatch_odd",
                                           "msgbatch_other", "intake_paused", "b.jsonl"));

TEST_F(DamageTest, ADamagedRowIsNamedWithItsTableAndItsKey) {
  auto bytes = intact_;
  bytes[place_of(intact_, "nonce2")] = 'N';
  write_file(world_.path(), bytes);
  std::string told;
  try {
    Queue queue(world_.path());
  } catch (const QueueDamaged& damage) {
    told = damage.what();
  }
  EXPECT_THAT(told, ::testing::HasSubstr("table intent, row (id) = (2)"));
  EXPECT_THAT(told, ::testing::HasSubstr("restore a backup"));
}

TEST_F(DamageTest, AnAuditListsDamagedRowsAndGoesOn) {
  auto bytes = intact_;
  bytes[place_of(intact_, "nonce2")] ^= 1;
  bytes[place_of(intact_, "end_turn")] ^= 1;
  write_file(world_.path(), bytes);
  Queue queue(world_.path(), Queue::OpeningCheck::none);
  const auto report = queue.audit(std::nullopt);
  std::string text;
  for (const auto& problem : report.problems) text += problem + '\n';
  EXPECT_THAT(text, ::testing::HasSubstr("table intent, row (id) = (2)"));
  EXPECT_THAT(text, ::testing::HasSubstr("table tally"));
  EXPECT_EQ(report.jobs, 3);
}

// A row that does not fit is not given a checksum that does.
TEST_F(DamageTest, ADamagedRowIsNotWrittenAgain) {
  auto bytes = intact_;
  bytes[place_of(intact_, "nonce4")] ^= 1;
  write_file(world_.path(), bytes);
  Queue queue(world_.path(), Queue::OpeningCheck::none);
  EXPECT_THROW(queue.note_intent(IntentId{4}, "reason", world_now), QueueDamaged);
}

// Shows what is read: the status looks at no job that is done, however many there are.
TEST_F(DamageTest, AJobThatIsDoneIsNotReadByTheStatus) {
  world_.tamper("UPDATE job SET name = 'finished' WHERE state = 'done'");
  world_.close();
  auto bytes = read_file(world_.path());
  bytes[place_of(bytes, "finished")] ^= 1;
  write_file(world_.path(), bytes);
  Queue queue(world_.path(), Queue::OpeningCheck::none);
  EXPECT_THROW(queue.jobs({}), QueueDamaged);
  EXPECT_GT(queue.status(world_now).counts[RequestState::succeeded], 0);
  EXPECT_FALSE(queue.audit(std::nullopt).ok());
}

// A page that the disk does not give away is no damage: nobody is told to restore a backup, and a new start may do.
TEST_F(DamageTest, AReadThatFailsAtTheStartIsNotDamage) {
  using Times = FailingReads::Times;
  for (const auto times : {Times::once, Times::for_ever}) {
    int failed = 0;
    for (int number = 1; number < 1000; ++number) {
      const FailingReads reads(number, times);
      try {
        Queue queue(world_.path());
      } catch (const QueueDamaged& damage) {
        FAIL() << "read " << number << ": " << damage.what();
      } catch (const QueueError& error) {
        EXPECT_TRUE(reads.hit()) << error.what();
      }
      if (!reads.hit()) break;
      ++failed;
    }
    EXPECT_GT(failed, 20);
    EXPECT_LT(failed, 999);
  }
  world_.open();
  EXPECT_EQ(everything(*world_.queue), expected_);
}

TEST_F(DamageTest, AForeignTriggerIsRefused) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(world_.path().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "DROP TRIGGER job_intact", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_THROW(Queue queue(world_.path()), QueueDamaged);
}

}  // namespace
}  // namespace offpeak::testing
