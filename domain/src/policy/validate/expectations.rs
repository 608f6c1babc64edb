//! The shape of expectations; whether they hold is another question.

use super::Faults;
use super::access::is_line;
use crate::policy::document::Expectation;

pub(super) fn check(tests: &[Expectation], faults: &mut Faults) {
    for (index, test) in tests.iter().enumerate() {
        let at = format!("/tests/{index}");
        if test.name.as_deref().is_some_and(|name| !is_line(name, 200)) {
            faults.add(
                format!("{at}/name"),
                "must be 1 to 200 characters on one line",
            );
        }
        if test.tool.as_str().contains(['*', ':']) {
            faults.add(
                format!("{at}/tool"),
                "must be one tool, not a group or a glob",
            );
        }
        if test.channel.is_none() && (test.group.is_some() || test.sender.is_some()) {
            faults.add(
                format!("{at}/channel"),
                "must be named when a group or a sender is",
            );
        }
        for (field, value) in [
            ("group", &test.group),
            ("sender", &test.sender),
            ("arguments/path", &test.arguments.path),
            ("arguments/url", &test.arguments.url),
            ("arguments/command", &test.arguments.command),
        ] {
            if value
                .as_deref()
                .is_some_and(|text| text.is_empty() || text.len() > 2000)
            {
                faults.add(
                    format!("{at}/{field}"),
                    "must be 1 to 2,000 characters, or absent",
                );
            }
        }
    }
    faults.too_many("/tests", tests.len());
}
