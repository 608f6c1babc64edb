//! The one error that leaves any API: a problem document (RFC 9457).

use serde::{Deserialize, Serialize};

/// Prefix of every `type`; what follows is the stable slug.
pub const TYPE_PREFIX: &str = "urn:tedix:problem:";

/// Media type of a problem (RFC 9457 §3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem: what went wrong, where, and what to do next. Safe to show to the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// `urn:tedix:problem:` and a stable slug, such as `stale-version`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short summary that is the same for every occurrence.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened here and what to do next.
    pub detail: String,
    /// Fields at fault, for 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Where a person can sign in, for 401.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_url: Option<String>,
    /// Seconds to wait before trying again; sent as `Retry-After` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// The version in force, for 412: what to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u64>,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the request body; empty for the whole of it.
    pub pointer: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $slug:literal, $title:literal;)*) => {
        impl Problem {
            $($(#[$doc])* #[must_use] pub fn $name(detail: impl Into<String>) -> Self {
                Self::new($status, $slug, $title, detail)
            })*
        }
        /// Every slug with its status, for the reference in the documentation.
        pub const SLUGS: &[(&str, u16)] = &[$(($slug, $status)),*];
    };
}

problems! {
    /// The body is not what the operation takes, as a whole.
    malformed = 400, "malformed", "The request is malformed";
    /// No identity came with the request, or one that does not verify.
    unauthenticated = 401, "unauthenticated", "Sign in first";
    /// The identity is known but may not do this.
    forbidden = 403, "forbidden", "You may not do this";
    /// Nothing is there.
    not_found = 404, "not-found", "There is nothing here";
    /// The path exists, the method does not.
    method_not_allowed = 405, "method-not-allowed", "This method does not apply here";
    /// The state of things does not allow it now.
    conflict = 409, "conflict", "This cannot be done in the current state";
    /// OpenClaw runs in a version that no policy can be compiled for.
    unknown_openclaw = 409, "unknown-openclaw", "This version of OpenClaw is not known here";
    /// It existed and is used up or expired.
    gone = 410, "gone", "This is no longer valid";
    /// The version named in If-Match is no longer in force.
    stale_version = 412, "stale-version", "Somebody saved another version";
    /// More bytes than the operation takes.
    too_large = 413, "too-large", "The request is too large";
    /// A body of a media type that the operation does not take.
    unsupported_media_type = 415, "unsupported-media-type", "The body must be JSON";
    /// A host that answers the container alone was named from outside.
    misdirected = 421, "misdirected", "This host does not answer here";
    /// Well-formed, but fields are wrong: see `errors`.
    invalid = 422, "invalid", "Some fields are not valid";
    /// If-Match is missing.
    precondition_required = 428, "precondition-required", "Say which version you edited";
    /// Too many attempts.
    too_many = 429, "too-many-requests", "Too many requests";
    /// A fault of ours; the detail says nothing of its inside.
    internal = 500, "internal", "Something failed on our side";
    /// Something behind us failed.
    bad_gateway = 502, "bad-gateway", "Something behind the gateway failed";
    /// Not ready yet; see `retry_after_seconds`.
    unavailable = 503, "unavailable", "Not ready yet";
}

impl Problem {
    /// A problem of the given status and slug.
    #[must_use]
    pub fn new(status: u16, slug: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{slug}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            sign_in_url: None,
            retry_after_seconds: None,
            current_version: None,
        }
    }

    /// The stable slug, without the prefix.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.kind.strip_prefix(TYPE_PREFIX).unwrap_or(&self.kind)
    }

    /// 422 with the fields at fault.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let first = errors.first().map_or_else(String::new, |e| {
            format!(
                "{}: {}",
                if e.pointer.is_empty() {
                    "/"
                } else {
                    &e.pointer
                },
                e.detail
            )
        });
        Self {
            errors,
            ..Self::invalid(first)
        }
    }

    /// The same problem, saying where a person can sign in.
    #[must_use]
    pub fn with_sign_in(mut self, url: impl Into<String>) -> Self {
        self.sign_in_url = Some(url.into());
        self
    }

    /// The same problem, saying when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The same problem, naming the version in force.
    #[must_use]
    pub fn with_current_version(mut self, version: u64) -> Self {
        self.current_version = Some(version);
        self
    }
}

impl FieldError {
    /// A field at fault by its JSON pointer.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique() {
        let mut slugs: Vec<_> = SLUGS.iter().map(|(slug, _)| slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), SLUGS.len());
    }

    #[test]
    fn problem_json_format_unchanged() {
        let problem = Problem::fields(vec![FieldError::new("/tools/deny/0", "must not be empty")]);
        insta::assert_json_snapshot!(problem, @r#"
        {
          "type": "urn:tedix:problem:invalid",
          "title": "Some fields are not valid",
          "status": 422,
          "detail": "/tools/deny/0: must not be empty",
          "errors": [
            {
              "pointer": "/tools/deny/0",
              "detail": "must not be empty"
            }
          ]
        }
        "#);
    }
}
