// Purpose   what was written rings: the door that commits a function wakes the stages that its writes concern
// Gets      the set of stages that a committed write concerns (concerns_of, from the statement's own text)
// Gives     a bell for each stage
// Promises  no stage rings another by hand, so none can be forgotten; a bell carries no data, and one too many only
//           costs a look into the database
// When it fails  a lost bell costs longest_idle_wait, never a request
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/wakeup.hpp"

namespace offpeak {

enum class Stage : std::uint8_t { ingest, guard, pack, submit, settle, poll, collect, claim, exporting, retention };
inline constexpr std::size_t stage_count = 10;

// No stage waits longer than this without looking, rung or not.
inline constexpr Duration longest_idle_wait = std::chrono::minutes(10);

class StageSet {
 public:
  constexpr StageSet() = default;
  constexpr StageSet(std::initializer_list<Stage> stages) {
    for (const auto stage : stages) bits_ |= bit(stage);
  }
  static constexpr StageSet all() {
    StageSet set;
    set.bits_ = (1U << stage_count) - 1;
    return set;
  }
  constexpr bool has(Stage stage) const { return (bits_ & bit(stage)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr StageSet& operator|=(StageSet other) {
    bits_ |= other.bits_;
    return *this;
  }
  constexpr bool operator==(const StageSet&) const = default;

 private:
  static constexpr std::uint32_t bit(Stage stage) { return 1U << static_cast<unsigned>(stage); }
  std::uint32_t bits_ = 0;
};

// Which stages a write concerns: rows of `table` are inserted or deleted (`column` empty), or `column` of some is
// updated. Pure; the one table of who looks at what.
StageSet concerned_by(std::string_view table, std::string_view column);

// One bell a stage. I/O thread, but for ring_soon.
class Bells {
 public:
  Bells(Clock& clock, const boost::asio::any_io_executor& executor);
  Bells(const Bells&) = delete;
  Bells& operator=(const Bells&) = delete;

  Wakeup& of(Stage stage);
  void ring(StageSet stages);
  // Something outside the database changed that any of them may wait for: a new configuration.
  void ring_all() { ring(StageSet::all()); }
  // Any thread: they ring on the I/O thread, before whatever is posted to it next.
  void ring_soon(StageSet stages);

 private:
  struct Rung;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Rung> rung_;  // shared with what was posted: that may come after the end of this
};

}  // namespace offpeak
