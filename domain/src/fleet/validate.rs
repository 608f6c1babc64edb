//! What a heartbeat, and the origin of a gateway, may say.
//!
//! A gateway's words end up on an operator's screen and in links, so their length and
//! their schemes are limited here, whatever the screen does.

use chrono::{DateTime, Utc};

use crate::problem::FieldError;
use crate::wire::gateway::{GitPointer, R2Pointer};
use crate::wire::registry::{Heartbeat, HourUsage};

/// Largest heartbeat, in bytes.
pub const MAX_HEARTBEAT_BYTES: usize = 64 * 1024;

/// Most hours of usage that one heartbeat carries.
pub const MAX_USAGE_HOURS: usize = 48;

/// Largest integer that every JSON reader keeps exactly (RFC 8259 §6).
const MAX_INTEGER: u64 = (1 << 53) - 1;
const MAX_SHORT: usize = 64;
const MAX_HASH: usize = 128;
const MAX_TEXT: usize = 2_000;
const MAX_KEY: usize = 1_024;
const MAX_ITEMS: usize = 100;
/// Largest count of an hour: the sum of any number of them stays exact.
const MAX_HOUR_COUNT: u64 = 1_000_000_000_000;

/// Everything about a heartbeat that is not acceptable; empty when it is.
#[must_use]
pub fn validate(heartbeat: &Heartbeat) -> Vec<FieldError> {
    let mut check = Check::default();
    let Heartbeat {
        sandbox,
        policy,
        budget,
        pointers,
        ..
    } = heartbeat;
    check.identifier("/boot_id", &heartbeat.boot_id);
    check.integer("/sequence", heartbeat.sequence);
    check.line("/tedix_version", &heartbeat.tedix_version, MAX_SHORT);
    check.optional(
        "/openclaw_version",
        heartbeat.openclaw_version.as_ref(),
        MAX_SHORT,
    );
    if let Some(exit) = &sandbox.last_exit {
        check.text("/sandbox/last_exit/reason", &exit.reason);
    }
    check.integer("/policy/version", policy.version);
    check.integer(
        "/policy/effective_version",
        policy.effective_version.unwrap_or_default(),
    );
    check.line("/policy/desired_hash", &policy.desired_hash, MAX_HASH);
    check.optional(
        "/policy/acknowledged_hash",
        policy.acknowledged_hash.as_ref(),
        MAX_HASH,
    );
    check.optional(
        "/policy/effective_hash",
        policy.effective_hash.as_ref(),
        MAX_HASH,
    );
    if let Some(detail) = &policy.detail {
        check.text("/policy/detail", detail);
    }
    check.integer(
        "/budget/tokens_per_day",
        budget.tokens_per_day.unwrap_or_default(),
    );
    check.integer("/budget/tokens_used", budget.tokens_used);
    check.optional("/budget/time_zone", budget.time_zone.as_ref(), MAX_SHORT);
    if let Some(stop) = &budget.stopped {
        check.line("/budget/stopped/by", &stop.by, MAX_KEY);
        if let Some(note) = &stop.note {
            check.text("/budget/stopped/note", note);
        }
    }
    check.count("/models", heartbeat.models.len());
    for (index, model) in heartbeat.models.iter().enumerate().take(MAX_ITEMS) {
        check.line(
            &format!("/models/{index}/provider"),
            &model.provider,
            MAX_SHORT,
        );
        check.line(&format!("/models/{index}/id"), &model.id, MAX_HASH);
    }
    if let Some(head) = &heartbeat.audit_head {
        check.integer("/audit_head/seq", head.seq);
        check.line("/audit_head/hash", &head.hash, MAX_HASH);
    }
    check.usage("/usage", &heartbeat.usage);
    if let Some(r2) = &pointers.r2 {
        check.r2("/pointers/r2", r2);
    }
    check.count("/pointers/git", pointers.git.len());
    for (index, git) in pointers.git.iter().enumerate().take(MAX_ITEMS) {
        check.git(&format!("/pointers/git/{index}"), git);
    }
    check.errors
}

/// The beginning of an hour that is written `YYYY-MM-DDTHH`, in UTC.
#[must_use]
pub fn parse_hour(text: &str) -> Option<DateTime<Utc>> {
    // Exactly as it is written back: one hour has one spelling, and they sort.
    let hour = DateTime::parse_from_rfc3339(&format!("{text}:00:00Z")).ok()?;
    let hour = hour.with_timezone(&Utc);
    (hour.format("%Y-%m-%dT%H").to_string() == text).then_some(hour)
}

/// The public origin of a gateway in its canonical spelling: `https://host[:port]`, or
/// `http` on the local machine.
///
/// # Errors
/// What is wrong with the text, to show to the caller.
pub fn gateway_origin(text: &str) -> Result<String, &'static str> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    let (scheme, authority) = origin
        .split_once("://")
        .ok_or("must be an origin, such as https://company.example.com")?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= crate::id::MAX_NAME
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(
            "must be an origin with a host name in lower case, without path or credentials",
        );
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with(['0', '+'])) {
        return Err("must have a port between 1 and 65535, or none");
    }
    let local = matches!(host, "localhost" | "127.0.0.1");
    match scheme {
        "https" => Ok(origin.to_owned()),
        "http" if local => Ok(origin.to_owned()),
        "http" => Err("must be https; http is for the local machine alone"),
        _ => Err("must start with https://"),
    }
}

#[derive(Default)]
struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn refuse(&mut self, pointer: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, detail));
    }

    fn identifier(&mut self, pointer: &str, text: &str) {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > MAX_SHORT || !text.bytes().all(allowed) {
            self.refuse(
                pointer,
                format!("must be 1 to {MAX_SHORT} of A-Z, a-z, 0-9, - and _"),
            );
        }
    }

    fn integer(&mut self, pointer: &str, value: u64) {
        if value > MAX_INTEGER {
            self.refuse(pointer, format!("must not exceed {MAX_INTEGER}"));
        }
    }

    fn line(&mut self, pointer: &str, text: &str, max: usize) {
        if text.chars().count() > max || text.chars().any(char::is_control) {
            self.refuse(
                pointer,
                format!("must be one line of at most {max} characters"),
            );
        }
    }

    fn optional(&mut self, pointer: &str, text: Option<&String>, max: usize) {
        if let Some(text) = text {
            self.line(pointer, text, max);
        }
    }

    fn text(&mut self, pointer: &str, text: &str) {
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        if text.chars().count() > MAX_TEXT || text.chars().any(control) {
            self.refuse(
                pointer,
                format!("must be text of at most {MAX_TEXT} characters"),
            );
        }
    }

    fn count(&mut self, pointer: &str, items: usize) {
        if items > MAX_ITEMS {
            self.refuse(pointer, format!("must have at most {MAX_ITEMS} items"));
        }
    }

    /// Hours in order, so that what was added before can be told from what is new.
    fn usage(&mut self, pointer: &str, hours: &[HourUsage]) {
        if hours.len() > MAX_USAGE_HOURS {
            self.refuse(
                pointer,
                format!("must have at most {MAX_USAGE_HOURS} hours"),
            );
        }
        let mut before = "";
        for (index, HourUsage { hour, totals }) in hours.iter().enumerate().take(MAX_USAGE_HOURS) {
            let pointer = format!("{pointer}/{index}");
            if parse_hour(hour).is_none() {
                let detail = "must be an hour in UTC such as 2026-11-22T09";
                self.refuse(&format!("{pointer}/hour"), detail);
            } else if hour.as_str() <= before {
                self.refuse(&format!("{pointer}/hour"), "must be after the one before");
            }
            if totals.counts().iter().any(|count| *count > MAX_HOUR_COUNT) {
                let detail = format!("must not exceed {MAX_HOUR_COUNT} of anything");
                self.refuse(&format!("{pointer}/totals"), detail);
            }
            before = hour;
        }
    }

    fn hexadecimal(&mut self, pointer: &str, text: &str, lengths: &[usize]) {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !lengths.contains(&text.len()) || !text.bytes().all(digit) {
            self.refuse(pointer, "must be a hash in lower-case hex");
        }
    }

    fn r2(&mut self, pointer: &str, r2: &R2Pointer) {
        self.line(&format!("{pointer}/key"), &r2.key, MAX_KEY);
        if r2.key.is_empty()
            || r2
                .key
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."))
        {
            self.refuse(
                &format!("{pointer}/key"),
                "must be an object key without . or .. parts",
            );
        }
        self.integer(&format!("{pointer}/bytes"), r2.bytes);
        self.integer(
            &format!("{pointer}/generation"),
            r2.generation.unwrap_or_default(),
        );
        self.integer(
            &format!("{pointer}/state_bytes"),
            r2.state_bytes.unwrap_or_default(),
        );
        self.hexadecimal(&format!("{pointer}/sha256"), &r2.sha256, &[64]);
    }

    fn git(&mut self, pointer: &str, git: &GitPointer) {
        self.web_address(&format!("{pointer}/repository"), &git.repository);
        self.hexadecimal(&format!("{pointer}/commit"), &git.commit, &[40, 64]);
        for (name, commit) in [("available", &git.available), ("pinned", &git.pinned)] {
            if let Some(commit) = commit {
                self.hexadecimal(&format!("{pointer}/{name}"), commit, &[40, 64]);
            }
        }
        if let Some(name) = &git.name {
            self.line(&format!("{pointer}/name"), name, MAX_KEY);
        }
        if let Some(proposed) = &git.proposed {
            let pointer = format!("{pointer}/proposed");
            self.line(&format!("{pointer}/branch"), &proposed.branch, MAX_KEY);
            if let Some(url) = &proposed.url {
                self.web_address(&format!("{pointer}/url"), url);
            }
            if let Some(problem) = &proposed.problem {
                self.line(&format!("{pointer}/problem"), problem, MAX_KEY);
            }
        }
    }

    fn web_address(&mut self, pointer: &str, address: &str) {
        self.line(pointer, address, MAX_KEY);
        // HTTP on a machine of the gateway's own, where people develop.
        let local = ["http://localhost:", "http://127.0.0.1:"];
        let schemes = ["https://"].into_iter().chain(local);
        let mut schemes = schemes.map(|scheme| address.strip_prefix(scheme));
        let rest = schemes.find_map(|rest| rest);
        let clean = |rest: &str| {
            !rest.is_empty()
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"@\\\"'<>`".contains(&b))
        };
        if !rest.is_some_and(clean) {
            self.refuse(pointer, "must be an https URL without credentials");
        }
    }
}

#[cfg(test)]
mod tests;
