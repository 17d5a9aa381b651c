// A byte of the file changes behind the queue's back. Whatever it is, the queue refuses the file, or says that it cannot
// go on, or nothing can be told from before: never other requests to send, other outcomes, other counts.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "queue_world.hpp"
#include "support/failing_reads.hpp"

namespace offpeak::testing {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string show(const RequestRange& range) {
  return fmt::format("{}:{}+{} ", range.job.value, range.first, range.count);
}

std::string show(const Batch& batch) {
  return fmt::format("{} {} {} {} {} {} {}{}{} d{} f{}\n", batch.id.value, batch.provider_id, batch.intent.value,
                     to_text(batch.state), batch.requests, batch.bytes, batch.proven, batch.twin, batch.cancel_wanted,
                     batch.downloads, batch.failures);
}

void show_packing(Queue& queue, std::string& text) {
  const auto view = queue.pack_view(world_now, 1000);
  for (const auto& job : view.jobs) {
    text += fmt::format("\npack {} {} ", job.job.value, job.priority);
    for (const auto& run : job.pending) {
      text += show(run.range) + fmt::format("a{} t{} r{} ", run.attempts, run.most_together, to_millis(run.refused_at));
    }
  }
  text += fmt::format("\n{} {} {} {} {} {}\n", view.queued_requests, view.open_batches, view.unsettled_counts.size(),
                      view.submitting_paused, view.unexplained_batches, view.spent_today);
}

void show_intent(Queue& queue, const std::optional<Intent>& intent, std::string& text) {
  if (!intent) return;
  text += fmt::format("intent {} {} {} {} {} ", intent->id.value, intent->nonce, to_text(intent->state),
                      intent->requests, intent->bytes);
  for (const auto& part : queue.assignments(intent->id))
    text += fmt::format("{}@", part.first_place) + show(part.range);
  for (const auto& id : queue.known_ids(intent->id)) text += id + ' ';
  text += '\n';
}

void show_job(Queue& queue, const Job& job, std::string& text) {
  text += to_json(job) + job.digest.hex() + job.data_name + job.defaults + '\n';
  for (const auto& entry : queue.lines(job.id, 0, static_cast<std::uint32_t>(job.requests))) {
    text += fmt::format("{}.{} ", entry.offset, entry.checksum);
  }
  for (const auto& row : queue.outcomes(job.id, 0, static_cast<std::uint32_t>(job.requests))) {
    text += fmt::format("{} {} {} {} {} {} {} {}\n", row.seq, to_text(row.type), row.batch.value, row.download,
                        row.offset, row.bytes, row.checksum, row.made_result);
  }
  const auto tallies = queue.tallies(job.id);
  for (const auto& [name, n] : tallies.stop_reasons) text += fmt::format("{} {}\n", name, n);
  for (const auto& [name, n] : tallies.usage) text += fmt::format("{} {}\n", name, n);
}

// What decides: what would be sent, is on its way, has come back, and what people see of it.
std::string everything(Queue& queue) {
  std::string text;
  show_packing(queue, text);
  show_intent(queue, queue.uploading_intent(), text);
  for (const auto& intent : queue.unknown_intents()) show_intent(queue, intent, text);
  for (const auto& one : queue.may_explain({}, world_now)) show_intent(queue, one.intent, text);
  for (const auto& job : queue.jobs({})) show_job(queue, job, text);
  for (const auto& batch : queue.batches({})) text += show(batch);
  for (const auto& batch : queue.open_batches()) text += show(batch);
  for (const auto& batch : queue.batches_to_cancel()) text += show(batch);
  for (const auto& job : queue.jobs_to_export()) text += to_json(job);
  for (const auto& found : queue.unexplained()) text += found.provider_id + found.state + '\n';
  for (const auto& intake : queue.intakes()) {
    text += fmt::format("{} {} {}\n", intake.id.value, intake.name, intake.overrides.again);
  }
  text += fmt::format("{} {}\n", queue.intake_paused(), to_millis(queue.newest_known_at().value_or(Instant())));
  const auto status = queue.status(world_now);
  text += fmt::format("{} {} {} {} {}\n", status.jobs_open, fmt::join(status.counts.by_state, " "), status.open_batches,
                      status.unknown_intents, status.intakes);
  return text;
}

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

void run_raw(sqlite3* db, const std::string& sql) {
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << sql << ": " << (error ? error : "");
  sqlite3_free(error);
}

std::vector<std::string> column(sqlite3* db, const std::string& sql) {
  std::vector<std::string> values;
  const auto keep = [](void* to, int, char** row, char**) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(row[0]);
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), keep, &values, nullptr), SQLITE_OK) << sql;
  return values;
}

// The filled database as schema 1 would hold it.
void make_version_1(const std::string& path, const std::string& filled) {
  std::filesystem::remove(path);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  run_raw(db, read_file(OFFPEAK_SOURCE_DIR "/schema/0001_queue.sql") + "PRAGMA user_version = 1;");
  run_raw(db, "ATTACH '" + filled + "' AS filled");
  for (const auto& table : column(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table'")) {
    std::string columns;
    for (const auto& name : column(db, "SELECT name FROM main.pragma_table_info('" + table + "')")) {
      columns += (columns.empty() ? "" : ", ") + name;
    }
    if (table == "sqlite_sequence") run_raw(db, "DELETE FROM main.sqlite_sequence");
    run_raw(db, fmt::format("INSERT INTO main.{0} ({1}) SELECT {1} FROM filled.{0}", table, columns));
  }
  sqlite3_close(db);
}

TEST_F(DamageTest, ADatabaseOfVersion1GetsItsChecksums) {
  make_version_1(world_.path(), FilledFile::get().world.path());
  auto migrated = std::make_unique<Queue>(world_.path());
  EXPECT_EQ(everything(*migrated), expected_);
  EXPECT_EQ(migrated->audit(std::nullopt).problems, std::vector<std::string>());
  // Ids go on where they were, though the last ones may have no row any more.
  const auto last = migrated->announce_intake(IntakeSource::folder, "c.jsonl", {}, world_now);
  migrated.reset();
  world_.open();
  EXPECT_GT(last.value, world_.queue->jobs({}).back().id.value + 1);
  world_.close();
  auto bytes = read_file(world_.path());
  bytes[place_of(bytes, "nonce2")] ^= 1;
  write_file(world_.path(), bytes);
  EXPECT_THROW(Queue queue(world_.path()), QueueDamaged);
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
