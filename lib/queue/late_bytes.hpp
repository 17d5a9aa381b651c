// Was a job's file written to after it had been taken? Whoever kept it open could: what came then is in no job, and
// must not be lost without a word. File worker; never opens what has not changed.
#pragma once

#include <string>

#include "base/files.hpp"
#include "model/job.hpp"
#include "queue/rows.hpp"

namespace offpeak {

// A sentence for people; empty where nothing came, or where the file is not there any more.
std::string changed_since_taken(Files& files, const std::string& claimed, const Job& job, const TakenFile& taken);

}  // namespace offpeak
