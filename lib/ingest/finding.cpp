#include "ingest/finding.hpp"

namespace offpeak {

Finding finding_of(const IntakeCheck& check) {
  Finding finding;
  finding.changed = check.changed();
  finding.rejected = check.rejected();
  finding.report = check.report();
  if (finding.rejected) return finding;
  finding.options = check.check().options();
  finding.options_line = check.check().options_line();
  finding.requests = check.check().requests();
  finding.skipped = check.check().skipped();
  finding.bytes = check.check().bytes();
  finding.digest = check.check().digest();
  finding.kind = check.kind();
  finding.data_name = check.data_name();
  finding.taken = check.taken();
  return finding;
}

}  // namespace offpeak
