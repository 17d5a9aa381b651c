// Ids of offpeak's own things: integers that are never reused.
#pragma once

#include "base/id.hpp"

namespace offpeak {

using JobId = Id<struct JobTag>;            // a job; also the id under which its file waits in claimed/
using IntentId = Id<struct IntentTag>;      // the durable plan of one create call
using RejectedId = Id<struct RejectedTag>;  // a file that did not become a job
using BatchId = Id<struct BatchTag>;        // our record of one Message Batch at the provider

}  // namespace offpeak
