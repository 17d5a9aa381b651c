// What the daemon does without memory: it ends at once, loudly, and the service manager starts it again. Everything
// durable is durable already (crash-only). An exception instead could be lost inside an operation of two halves, of
// which one began and the other had no room: a stage would then wait for ever for something that nobody does.
#pragma once

namespace offpeak {

// Called once by main, before there are threads.
void end_where_memory_ends();

}  // namespace offpeak
