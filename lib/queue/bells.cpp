#include "queue/bells.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace offpeak {

namespace {

struct Concern {
  std::string_view table;
  std::string_view column;  // empty: rows come or go; else this column is updated
  StageSet stages;
};

// Only what somebody decides on: a reason, a time of the next try or a count that a stage notes for itself rings
// nobody, or that stage would never rest.
constexpr Concern concerns[] = {
    {"intake", "state", {Stage::ingest}},
    {"fact", "", {Stage::ingest, Stage::guard, Stage::pack}},
    {"fact", "value", {Stage::ingest, Stage::guard, Stage::pack}},
    {"job", "", {Stage::pack, Stage::exporting}},
    {"job", "state", {Stage::pack, Stage::exporting}},
    // A job is over when these three are 0.
    {"job", "pending", {Stage::exporting}},
    {"job", "assigned", {Stage::exporting}},
    {"job", "submitted", {Stage::exporting}},
    {"pending", "", {Stage::pack}},
    {"pending", "not_before", {Stage::pack}},
    {"intent", "", {Stage::submit}},
    // An end makes room for the next one, an unknown one is settled, and one not created is looked for in the lists.
    {"intent", "state", {Stage::guard, Stage::pack, Stage::submit, Stage::settle, Stage::poll}},
    {"batch", "", {Stage::pack, Stage::poll}},
    {"batch", "state", {Stage::guard, Stage::pack, Stage::collect}},
    {"batch", "cancel_state", {Stage::poll}},
    {"unexplained", "", {Stage::pack, Stage::claim}},
    {"unexplained", "state", {Stage::guard, Stage::pack, Stage::claim}},
    {"unexplained", "cancel_state", {Stage::claim}},
    {"candidate", "", {Stage::claim}},
    {"candidate", "cancel_state", {Stage::claim}},
};

template <std::size_t... Index>
std::array<Wakeup, sizeof...(Index)> make_bells(Clock& clock, const boost::asio::any_io_executor& executor,
                                                std::index_sequence<Index...> /*places*/) {
  const auto make = [&](std::size_t /*place*/) { return Wakeup(clock, executor); };
  return {make(Index)...};
}

}  // namespace

StageSet concerned_by(std::string_view table, std::string_view column) {
  const auto* const found = std::ranges::find_if(
      concerns, [&](const Concern& concern) { return concern.table == table && concern.column == column; });
  return found == std::end(concerns) ? StageSet() : found->stages;
}

struct Bells::Rung {
  Rung(Clock& clock, const boost::asio::any_io_executor& executor)
      : bells(make_bells(clock, executor, std::make_index_sequence<stage_count>())) {}

  void ring(StageSet stages) {
    for (std::size_t i = 0; i < stage_count; ++i) {
      if (stages.has(static_cast<Stage>(i))) bells[i].notify();
    }
  }
  std::array<Wakeup, stage_count> bells;
};

Bells::Bells(Clock& clock, const boost::asio::any_io_executor& executor)
    : executor_(executor), rung_(std::make_shared<Rung>(clock, executor)) {}

Wakeup& Bells::of(Stage stage) { return rung_->bells[static_cast<std::size_t>(stage)]; }

void Bells::ring(StageSet stages) { rung_->ring(stages); }

void Bells::ring_soon(StageSet stages) {
  if (stages.empty()) return;
  boost::asio::post(executor_, [rung = std::weak_ptr(rung_), stages] {
    if (const auto alive = rung.lock()) alive->ring(stages);
  });
}

}  // namespace offpeak
