// Serves one connection: reads calls, lets the simulated API answer them, and plays the faults that belong to
// the wire.
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/wakeup.hpp"
#include "daemon/sim/request_reader.hpp"
#include "daemon/sim/wire.hpp"
#include "sim/exchange.hpp"
#include "sim/service.hpp"

namespace offpeak::sim {

class Connection {
 public:
  // `stop` is notified when the program has to end. All outlive the connection.
  Connection(std::unique_ptr<Wire> wire, Service& service, Clock& clock, Wakeup& stop);

  // Returns when the connection is over.
  Task<> serve();

 private:
  enum class Next : std::uint8_t { keep, end };

  Task<Next> serve_call();
  Task<bool> take_body(Exchange& exchange);
  Task<Next> play(Answer& answer);
  Task<bool> send_head(const Answer& answer, Next next);
  Task<bool> send_body(Answer& answer);
  Task<bool> send_block(std::string_view block, const Answer& answer);
  Task<> wait_for_peer();

  std::unique_ptr<Wire> wire_;
  Service& service_;
  Clock& clock_;
  Wakeup& stop_;
  RequestReader reader_;
  std::string out_;
  std::uint64_t left_ = 0;  // bytes of the body that may leave before the cut
};

}  // namespace offpeak::sim
