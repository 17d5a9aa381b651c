#include "model/states.hpp"

#include <algorithm>
#include <utility>

namespace offpeak {

namespace {

constexpr std::array<std::string_view, 7> request_words{"pending", "assigned", "submitted", "succeeded",
                                                        "errored", "expired",  "canceled"};
constexpr std::array<std::string_view, 6> job_words{"queued", "running", "held", "canceling", "done", "canceled"};
constexpr std::array<std::string_view, 6> intent_words{"uploading", "committing", "created",
                                                       "rejected",  "unknown",    "not_created"};
constexpr std::array<std::string_view, 4> batch_words{"in_progress", "canceling", "ended", "collected"};
constexpr std::array<std::string_view, 4> outcome_words{"succeeded", "errored", "expired", "canceled"};

template <class State, std::size_t N>
std::optional<State> parse(std::string_view text, const std::array<std::string_view, N>& words) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) return std::nullopt;
  return static_cast<State>(found - words.begin());
}

template <class State, std::size_t N>
bool listed(State from, State to, const std::array<std::pair<State, State>, N>& table) {
  return std::find(table.begin(), table.end(), std::pair(from, to)) != table.end();
}

using R = RequestState;
constexpr std::array<std::pair<R, R>, 18> request_changes{{
    {R::pending, R::assigned},     // pack wrote an intent
    {R::pending, R::errored},      // refused alone, or a line that was skipped
    {R::pending, R::canceled},     // the job was canceled
    {R::assigned, R::pending},     // proven not created
    {R::assigned, R::submitted},   // the batch exists
    {R::assigned, R::errored},     // the provider named it, or refused it alone
    {R::assigned, R::canceled},    // proven not created, and its job was canceled meanwhile
    {R::submitted, R::succeeded},  // its result line
    {R::submitted, R::errored},
    {R::submitted, R::expired},
    {R::submitted, R::canceled},
    {R::submitted, R::pending},   // another attempt
    {R::submitted, R::assigned},  // the adopted batch was not ours: the intent is unknown again
    {R::errored, R::pending},     // the user's retry
    {R::expired, R::pending},
    {R::canceled, R::pending},
    {R::pending, R::succeeded},   // the paid result of a late twin
    {R::assigned, R::succeeded},  // the same, while it was on its way again
}};

using J = JobState;
constexpr std::array<std::pair<J, J>, 17> job_changes{{
    {J::queued, J::running},
    {J::queued, J::held},
    {J::queued, J::canceling},
    {J::queued, J::canceled},
    {J::queued, J::done},
    {J::running, J::held},
    {J::running, J::canceling},
    {J::running, J::done},
    {J::held, J::queued},
    {J::held, J::running},
    {J::held, J::canceling},
    {J::held, J::canceled},
    {J::held, J::done},
    {J::canceling, J::canceled},
    {J::done, J::queued},
    {J::canceled, J::queued},
    {J::running, J::canceled},
}};

using I = IntentState;
constexpr std::array<std::pair<I, I>, 9> intent_changes{{
    {I::uploading, I::committing},  // durable before the last byte leaves
    {I::uploading, I::rejected},    // anything before the last byte: proven not created
    {I::committing, I::created},    // 200 with an id
    {I::committing, I::rejected},   // a proven no
    {I::committing, I::unknown},    // everything else, a crash included
    {I::unknown, I::created},       // found by the list
    {I::unknown, I::not_created},   // clean lists over settle_unknown showed nothing
    {I::created, I::unknown},       // the adopted batch was disproved by its results
    {I::not_created, I::created},   // a late twin was claimed by the operator
}};

using B = BatchState;
constexpr std::array<std::pair<B, B>, 4> batch_changes{{
    {B::in_progress, B::canceling},
    {B::in_progress, B::ended},
    {B::canceling, B::ended},
    {B::ended, B::collected},
}};

}  // namespace

std::string_view to_text(RequestState state) { return request_words[static_cast<std::size_t>(state)]; }
std::string_view to_text(JobState state) { return job_words[static_cast<std::size_t>(state)]; }
std::string_view to_text(IntentState state) { return intent_words[static_cast<std::size_t>(state)]; }
std::string_view to_text(BatchState state) { return batch_words[static_cast<std::size_t>(state)]; }
std::string_view to_text(OutcomeType type) { return outcome_words[static_cast<std::size_t>(type)]; }

std::optional<RequestState> parse_request_state(std::string_view text) { return parse<R>(text, request_words); }
std::optional<JobState> parse_job_state(std::string_view text) { return parse<J>(text, job_words); }
std::optional<IntentState> parse_intent_state(std::string_view text) { return parse<I>(text, intent_words); }
std::optional<BatchState> parse_batch_state(std::string_view text) { return parse<B>(text, batch_words); }
std::optional<OutcomeType> parse_outcome_type(std::string_view text) { return parse<OutcomeType>(text, outcome_words); }

bool may_change(RequestState from, RequestState to) { return listed(from, to, request_changes); }
bool may_change(JobState from, JobState to) { return listed(from, to, job_changes); }
bool may_change(IntentState from, IntentState to) { return listed(from, to, intent_changes); }
bool may_change(BatchState from, BatchState to) { return from == to || listed(from, to, batch_changes); }

}  // namespace offpeak
