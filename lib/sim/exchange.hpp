// One call to the simulated API, from its header to its answer. The transport gives the body block by block,
// as far as it is wanted, and then asks for the answer; dropped before finish(), the call has done nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sim/call.hpp"
#include "sim/draft.hpp"
#include "sim/faults.hpp"
#include "sim/route.hpp"
#include "sim/service.hpp"

namespace offpeak::sim {

class Exchange {
 public:
  // Fault rules count the call now.
  Exchange(Service& service, const Call& head, Instant now);

  // To be waited before the body is read.
  Duration delay_before_body() const;
  // Nothing: the whole body. A number: finish() comes after so many bytes of it, whatever else is on its way.
  std::optional<std::uint64_t> body_bytes_wanted() const;
  void take(std::string_view block);
  // Behind the last byte wanted. Does the call's work, unless a fault says otherwise.
  Answer finish(Instant now);

 private:
  bool refused_by_length() const;
  std::optional<Answer> check_access() const;
  std::optional<Answer> cut_short(When when) const;
  Answer failure(const AnswerWith& wanted) const;
  Answer perform(Instant now);

  Answer create(Instant now);
  void commit(Batch& batch, Instant now) const;
  std::shared_ptr<Batch> repeat(const Batch& first);
  Answer list(Instant at) const;
  Answer retrieve(Instant at) const;
  Answer results(Instant now);
  Answer cancel(Instant now) const;
  Answer remove(Instant now) const;

  Answer error(int status, std::string_view message) const;
  Answer no_such_batch() const;
  std::shared_ptr<Batch> visible_batch(Instant at) const;
  Answer batch_answer(const Batch& batch, Instant at) const;
  std::string render(const Batch& batch, Instant at) const;
  std::string entry(const Batch& batch, std::size_t index, std::size_t entries, Instant at) const;
  std::string base_url() const;
  Instant view(Instant now) const;
  void play_on_wire(Answer& answer) const;
  void garble(Answer& answer) const;
  void add_headers(Answer& answer, Instant now) const;

  Service& service_;
  Call head_;
  Route route_;
  Plan plan_;
  std::string request_id_;
  std::unique_ptr<Draft> draft_;  // of a create that may go on
  std::string body_;              // of a control call
};

}  // namespace offpeak::sim
