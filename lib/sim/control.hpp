// The simulator's own calls under /_sim/: ledger, faults, settings, and the end of the program. No key is
// asked for.
//
//   GET    /_sim/ledger[?summary=1 | ?twice=1 | ?digest=HEX]   what was created and billed; twice: only those
//   contents GET, POST, DELETE /_sim/faults                             the rules; a rule or an array of them
//   to add; none GET, POST /_sim/settings                                   a script's members; for batches
//   made from then on POST   /_sim/digest                                        the body's digest, as the
//   ledger names contents POST   /_sim/foreign?requests=N[&maker=offpeak]            a stranger's batch
//   POST   /_sim/end                                           every running batch ends now
//   POST   /_sim/shutdown                                      ends the program
#pragma once

#include <string_view>

#include "sim/route.hpp"
#include "sim/service.hpp"

namespace offpeak::sim {

Answer handle_control(Service& service, std::string_view method, const Route& route, std::string_view body,
                      Instant now);

}  // namespace offpeak::sim
