// The create call's way out: all but the last byte, the caller's consent, the last byte; with an eye on the
// answer from the start. I/O thread only.
#pragma once

#include "http/exchange.hpp"

namespace offpeak::http {

// To be spawned: it sets its own cancellation state. Canceled, it ends with failure "canceled" in `into`
// instead of throwing, so that the caller learns whether the last byte had left. What the reader throws is
// thrown on.
Task<> run_upload(ClientState& client, Request request, BodyReader& reader, Upload& into);

}  // namespace offpeak::http
