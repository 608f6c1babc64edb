//! The policy form as it is typed: mirrors its fields, becomes a document on submit.

use domain::access::Role;
use domain::policy::tools::ToolPattern;
use domain::policy::{EmailAddress, Policy, SCHEMA, ToolProfile, parse_value};
use domain::problem::FieldError;
use domain::wire::gateway::PutPolicy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Longest note, in characters; the gateway refuses more.
pub(crate) const MAX_NOTE: usize = 500;

/// One row of the operators table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorRow {
    /// E-mail address as typed.
    pub(crate) email: String,
    /// What they may do.
    pub(crate) role: Role,
}

/// The form's fields. Lists keep their order, so that a pointer such as
/// `/tools/deny/2` names the same entry in the form and in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyDraft {
    /// People who may see or change the gateway.
    pub(crate) operators: Vec<OperatorRow>,
    /// People who may only talk to it.
    pub(crate) users: Vec<String>,
    /// The set of tools to start from.
    pub(crate) profile: ToolProfile,
    /// Patterns added to it.
    pub(crate) allow: Vec<String>,
    /// Patterns taken away from everything.
    pub(crate) deny: Vec<String>,
    /// Tokens a day as typed; empty for no limit.
    pub(crate) tokens_per_day: String,
    /// The rest of the document, which the form does not show and sends back as it is.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) rest: Value,
}

impl PolicyDraft {
    /// The form as it opens on a document.
    pub(crate) fn from_policy(policy: &Policy) -> Self {
        let row = |entry: &domain::policy::OperatorEntry| OperatorRow {
            email: entry.email.to_string(),
            role: entry.role,
        };
        Self {
            operators: policy.access.operators.iter().map(row).collect(),
            users: policy
                .access
                .users
                .iter()
                .map(ToString::to_string)
                .collect(),
            profile: policy.tools.profile,
            allow: policy.tools.allow.iter().map(ToString::to_string).collect(),
            deny: policy.tools.deny.iter().map(ToString::to_string).collect(),
            tokens_per_day: policy
                .budgets
                .tokens_per_day
                .map(|n| n.to_string())
                .unwrap_or_default(),
            rest: rest(policy),
        }
    }

    /// What is wrong, by JSON pointer into the document; empty when it can be sent.
    pub(crate) fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (i, row) in self.operators.iter().enumerate() {
            check::<EmailAddress>(&mut errors, &row.email, || {
                format!("/access/operators/{i}/email")
            });
        }
        for (i, email) in self.users.iter().enumerate() {
            check::<EmailAddress>(&mut errors, email, || format!("/access/users/{i}"));
        }
        for (list, patterns) in [("allow", &self.allow), ("deny", &self.deny)] {
            for (i, pattern) in patterns.iter().enumerate() {
                check::<ToolPattern>(&mut errors, pattern, || format!("/tools/{list}/{i}"));
            }
        }
        if parse_tokens(&self.tokens_per_day).is_err() {
            let detail = "needs a whole number of tokens, or nothing for no limit";
            errors.push(FieldError::new("/budgets/tokens_per_day", detail));
        }
        if errors.is_empty() {
            // The same rules as the gateway's, once every field has its shape.
            errors = parse_value(self.to_document()).err().unwrap_or_default();
        }
        errors
    }

    /// The document as it would be sent; fields without their shape go as typed.
    pub(crate) fn to_document(&self) -> Value {
        let operators: Vec<Value> = self
            .operators
            .iter()
            .map(|row| json!({"email": row.email.trim(), "role": row.role}))
            .collect();
        let mut document = self.rest.as_object().cloned().unwrap_or_default();
        document.insert("schema".to_owned(), SCHEMA.into());
        set(&mut document, "access", "operators", operators.into());
        set(&mut document, "access", "users", json!(self.users));
        set(&mut document, "tools", "profile", json!(self.profile));
        set(&mut document, "tools", "allow", json!(self.allow));
        set(&mut document, "tools", "deny", json!(self.deny));
        let budgets = document.entry("budgets").or_insert_with(|| json!({}));
        if let (Ok(Some(tokens)), Some(map)) =
            (parse_tokens(&self.tokens_per_day), budgets.as_object_mut())
        {
            map.insert("tokens_per_day".to_owned(), tokens.into());
        }
        Value::Object(document)
    }

    /// The body of `PUT policy`.
    ///
    /// # Errors
    /// What [`PolicyDraft::validate`] finds, or a note that is too long at `/note`.
    pub(crate) fn into_request(self, note: &str) -> Result<PutPolicy, Vec<FieldError>> {
        let mut errors = self.validate();
        let note = note.trim();
        if note.chars().count() > MAX_NOTE {
            errors.push(FieldError::new(
                "/note",
                format!("has at most {MAX_NOTE} characters"),
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let note = (!note.is_empty()).then(|| note.to_owned());
        Ok(PutPolicy {
            document: self.to_document(),
            note,
            force: None,
        })
    }
}

/// Sets a field of a section of a document.
fn set(document: &mut Map<String, Value>, section: &str, field: &str, value: Value) {
    let section = document.entry(section).or_insert_with(|| json!({}));
    if let Some(map) = section.as_object_mut() {
        map.insert(field.to_owned(), value);
    }
}

/// What a document says beside the form's fields; null when nothing.
fn rest(policy: &Policy) -> Value {
    // INVARIANT: a Policy has string keys only, so it always has a JSON form.
    let mut rest = serde_json::to_value(policy).unwrap_or_default();
    let Some(sections) = rest.as_object_mut() else {
        return Value::Null;
    };
    sections.remove("schema");
    let shown: [(&str, &[&str]); 3] = [
        ("access", &["operators", "users"]),
        ("tools", &["profile", "allow", "deny"]),
        ("budgets", &["tokens_per_day"]),
    ];
    for (section, fields) in shown {
        if let Some(map) = sections.get_mut(section).and_then(Value::as_object_mut) {
            map.retain(|field, _| !fields.contains(&field.as_str()));
        }
    }
    sections.retain(|_, section| section.as_object().is_none_or(|map| !map.is_empty()));
    if sections.is_empty() {
        Value::Null
    } else {
        rest
    }
}

fn check<T: std::str::FromStr<Err = &'static str>>(
    errors: &mut Vec<FieldError>,
    text: &str,
    pointer: impl FnOnce() -> String,
) {
    if let Err(right) = text.trim().parse::<T>() {
        errors.push(FieldError::new(pointer(), format!("must be {right}")));
    }
}

/// Tokens as typed, with or without separators between thousands; none for no limit.
pub(crate) fn parse_tokens(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    let separator = |c: char| c.is_whitespace() || matches!(c, '_' | ',' | '\'');
    let digits: String = text.chars().filter(|c| !separator(*c)).collect();
    if digits.is_empty() {
        Ok(None)
    } else {
        digits.parse().map(Some)
    }
}

/// Errors at a field or below it. The gateway points into the request body, so
/// its pointers may carry `/document` in front.
pub(crate) fn errors_at<'a>(errors: &'a [FieldError], field: &str) -> Vec<&'a FieldError> {
    let below = |error: &&FieldError| {
        let pointer = document_pointer(&error.pointer);
        pointer
            .strip_prefix(field)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    errors.iter().filter(below).collect()
}

/// Errors that no field of the form shows.
pub(crate) fn errors_elsewhere<'a>(
    errors: &'a [FieldError],
    fields: &[&str],
) -> Vec<&'a FieldError> {
    let shown = |error: &&FieldError| {
        fields
            .iter()
            .any(|field| !errors_at(std::slice::from_ref(*error), field).is_empty())
    };
    errors.iter().filter(|error| !shown(error)).collect()
}

/// A pointer into the document, from one into the request body.
pub(crate) fn document_pointer(pointer: &str) -> &str {
    match pointer.strip_prefix("/document") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => pointer,
    }
}

#[cfg(test)]
mod tests {
    use super::{PolicyDraft, errors_at, errors_elsewhere, parse_tokens};
    use domain::access::Role;
    use domain::policy::{Policy, parse_value};
    use domain::problem::FieldError;

    fn draft() -> PolicyDraft {
        PolicyDraft::from_policy(&Policy::bootstrap(&["ada@example.com"
            .parse()
            .expect("address")]))
    }

    fn pointers(draft: &PolicyDraft) -> Vec<String> {
        draft
            .validate()
            .into_iter()
            .map(|error| error.pointer)
            .collect()
    }

    #[test]
    fn an_untouched_form_sends_the_document_it_opened_on() {
        let mut policy = Policy::bootstrap(&["ada@example.com".parse().expect("address")]);
        policy
            .tools
            .deny
            .push("group:runtime".parse().expect("group"));
        policy
            .access
            .users
            .push("bob@example.com".parse().expect("address"));
        let request = PolicyDraft::from_policy(&policy)
            .into_request("  ")
            .expect("valid");
        assert_eq!(request.note, None);
        assert_eq!(parse_value(request.document), Ok(policy));
    }

    #[test]
    fn clauses_that_the_form_does_not_show_are_sent_back_as_they_are() {
        for preset in domain::policy::PRESETS {
            let policy = parse_value(preset.document()).expect("valid");
            let mut draft = PolicyDraft::from_policy(&policy);
            assert_eq!(parse_value(draft.to_document()), Ok(policy.clone()));
            draft.tokens_per_day.clear();
            let sent = parse_value(draft.to_document()).expect("valid");
            assert_eq!(sent.budgets.tokens_per_day, None);
            assert_eq!(
                sent.budgets.cost_per_day_micro_usd,
                policy.budgets.cost_per_day_micro_usd
            );
        }
    }

    #[test]
    fn every_fault_is_named_at_its_field() {
        let mut bad = draft();
        bad.operators[0].email = "ada".to_owned();
        bad.users.push("x y".to_owned());
        bad.allow.push("group:nonsense".to_owned());
        bad.deny.push("Ж".to_owned());
        bad.tokens_per_day = "lots".to_owned();
        assert_eq!(
            pointers(&bad),
            [
                "/access/operators/0/email",
                "/access/users/0",
                "/tools/allow/0",
                "/tools/deny/0",
                "/budgets/tokens_per_day"
            ]
        );
        assert!(bad.into_request("").is_err());
    }

    #[test]
    fn rules_over_several_fields_are_the_gateways() {
        let mut no_admin = draft();
        no_admin.operators[0].role = Role::Viewer;
        assert_eq!(pointers(&no_admin), ["/access/operators"]);
        let mut twice = draft();
        twice.deny = vec!["exec".to_owned(), "EXEC".to_owned()];
        assert_eq!(pointers(&twice), ["/tools/deny/1"]);
        let mut none = draft();
        none.tokens_per_day = "0".to_owned();
        assert_eq!(pointers(&none), ["/budgets/tokens_per_day"]);
    }

    #[test]
    fn a_note_that_is_too_long_is_refused_before_it_is_sent() {
        let errors = draft()
            .into_request(&"x".repeat(501))
            .expect_err("too long");
        assert_eq!(errors[0].pointer, "/note");
        assert!(draft().into_request(&"é".repeat(500)).is_ok());
    }

    #[test]
    fn tokens_may_be_typed_with_separators() {
        assert_eq!(parse_tokens("1 000_000"), Ok(Some(1_000_000)));
        assert_eq!(parse_tokens(" 250,000 "), Ok(Some(250_000)));
        assert_eq!(parse_tokens("  "), Ok(None));
        for bad in ["-1", "1.5", "1e6", "NaN", "99999999999999999999"] {
            assert!(parse_tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_find_their_field_and_none_is_lost() {
        let errors = vec![
            FieldError::new("/document/tools/deny/0", "a"),
            FieldError::new("/tools/denyx", "b"),
            FieldError::new("", "c"),
        ];
        assert_eq!(errors_at(&errors, "/tools/deny").len(), 1);
        let rest: Vec<_> = errors_elsewhere(&errors, &["/tools/deny"])
            .iter()
            .map(|e| e.detail.as_str())
            .collect();
        assert_eq!(rest, ["b", "c"]);
    }
}
