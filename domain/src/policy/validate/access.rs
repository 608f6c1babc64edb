//! Who may administer and use the gateway.

use std::collections::HashSet;

use super::Faults;
use crate::access::Role;
use crate::policy::document::Access;

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
            faults.add(format!("/access/users/{index}"), format!("{email} is named twice"));
        }
    }
    faults.too_many("/access/operators", operators.len());
    faults.too_many("/access/users", access.users.len());
}
