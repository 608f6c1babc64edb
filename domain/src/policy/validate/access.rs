//! Who may administer and use the gateway, and who is asked.

use std::collections::HashSet;

use super::Faults;
use crate::access::Role;
use crate::policy::document::{Access, Approvals};

pub(super) fn check(access: &Access, faults: &mut Faults) {
    let operators = &access.operators;
    let mut people = HashSet::new();
    for (index, entry) in operators.iter().enumerate() {
        if entry.role == Role::User {
            let detail = "must be viewer, operator or admin; people who only use it go under users";
            faults.add(format!("/access/operators/{index}/role"), detail);
        }
        if !people.insert(&entry.email) {
            let detail = format!("{} is named twice", entry.email);
            faults.add(format!("/access/operators/{index}/email"), detail);
        }
    }
    if !operators.iter().any(|entry| entry.role == Role::Admin) {
        let detail = "needs at least one admin, or nobody could change the policy again";
        faults.add("/access/operators", detail);
    }
    for (index, email) in access.users.iter().enumerate() {
        if !people.insert(email) {
            faults.add(
                format!("/access/users/{index}"),
                format!("{email} is named twice"),
            );
        }
    }
    faults.too_many("/access/operators", operators.len());
    faults.too_many("/access/users", access.users.len());
    let groups = access.groups.iter().map(|entry| entry.group.as_str());
    names("/access/groups", "group", groups, faults);
    let services = access.services.iter().map(|entry| entry.name.as_str());
    names("/access/services", "name", services, faults);
    approvals(&access.approvals, faults);
}

fn names<'a>(at: &str, field: &str, names: impl Iterator<Item = &'a str>, faults: &mut Faults) {
    let mut seen = HashSet::new();
    let mut count = 0;
    for (index, name) in names.enumerate() {
        count = index + 1;
        if !is_line(name, 128) {
            faults.add(
                format!("{at}/{index}/{field}"),
                "must be 1 to 128 characters on one line",
            );
        }
        if !seen.insert(name) {
            faults.add(
                format!("{at}/{index}/{field}"),
                format!("{name} is named twice"),
            );
        }
    }
    faults.too_many(at, count);
}

fn approvals(approvals: &Approvals, faults: &mut Faults) {
    let at = "/access/approvals";
    let mut seen = HashSet::new();
    for (index, target) in approvals.targets.iter().enumerate() {
        if !is_recipient(&target.to) {
            let detail = "must be a recipient as the channel names it, such as 123456";
            faults.add(format!("{at}/targets/{index}/to"), detail);
        }
        // Asked twice, a person's second answer would count against the first.
        if !seen.insert(target) {
            faults.add(format!("{at}/targets/{index}"), "is named twice");
        }
    }
    faults.too_many(&format!("{at}/targets"), approvals.targets.len());
    if approvals
        .timeout
        .as_ref()
        .is_some_and(|timeout| !(60..=1800).contains(&timeout.seconds()))
    {
        faults.add(format!("{at}/timeout"), "must be PT1M to PT30M");
    }
    faults.repeated(&format!("{at}/answered_by"), &approvals.answered_by);
    for (index, who) in approvals.answered_by.iter().enumerate() {
        let shaped = who.split_once(':').is_some_and(|(channel, sender)| {
            channel.parse::<crate::policy::value::ChannelId>().is_ok() && is_recipient(sender)
        });
        if !shaped {
            let detail = "must be channel:sender, such as telegram:123456";
            faults.add(format!("{at}/answered_by/{index}"), detail);
        }
    }
}

fn is_recipient(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\"'`<>\\".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

pub(super) fn is_line(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}
