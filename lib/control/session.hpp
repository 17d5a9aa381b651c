// One connection of the status socket, from its first byte to its last. session.cpp is the only file of lib/control
// that knows Beast.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>

#include "base/clock.hpp"
#include "control/control.hpp"

namespace offpeak {

struct SessionLimits {
  Duration idle_timeout{30'000};   // between two calls, and for the whole header of one
  Duration body_timeout{120'000};  // for the next bytes of a body: a pipe may pause
  Duration write_timeout{30'000};  // for the client to take a block
  std::uint32_t header_bytes = 16 * 1024;
  std::uint64_t body_bytes = 64'000'000'000;
};

// Ends when the client has gone, is too slow, or sent something that is not HTTP. Throws where the task is canceled
// or a reply said that the daemon must stop. `control` outlives the session.
Task<> serve_session(boost::asio::local::stream_protocol::socket socket, Control& control, SessionLimits limits);

}  // namespace offpeak
