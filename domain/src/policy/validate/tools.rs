//! Which tools agents may use.

use super::Faults;
use crate::policy::document::ToolPolicy;

pub(super) fn check(tools: &ToolPolicy, faults: &mut Faults) {
    faults.repeated("/tools/allow", &tools.allow);
    faults.repeated("/tools/deny", &tools.deny);
}
