//! A request of the governance API, as far as operations read it.

use domain::policy::strict_value;
use domain::problem::{FieldError, Problem};
use serde::de::DeserializeOwned;

/// A request of the governance API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiRequest {
    /// Path below the API's prefix.
    pub path: String,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// Body, already bounded.
    pub body: Vec<u8>,
}

impl ApiRequest {
    /// The body as JSON of a known shape; a key that is named twice is refused.
    ///
    /// # Errors
    /// 415 for another media type, 400 for what is no JSON, 422 for another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let essence = self.content_type.as_deref().unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::unsupported_media_type(
                "Send the body as JSON with Content-Type: application/json.",
            ));
        }
        let text = std::str::from_utf8(&self.body)
            .map_err(|_| Problem::malformed("The body is not UTF-8 text."))?;
        let value = strict_value(text).map_err(|errors| {
            let detail = errors
                .into_iter()
                .next()
                .map(|error| error.detail)
                .unwrap_or_default();
            Problem::malformed(format!("The body cannot be read as JSON: {detail}."))
        })?;
        serde_json::from_value(value)
            .map_err(|error| Problem::fields(vec![FieldError::new("", error.to_string())]))
    }

    /// Whether CSV is asked for rather than JSON.
    #[must_use]
    pub fn wants_csv(&self) -> bool {
        let types = self.accept.as_deref().unwrap_or_default().split(',');
        let mut types = types.map(|part| part.split(';').next().unwrap_or_default().trim());
        types.any(|essence| essence.eq_ignore_ascii_case("text/csv"))
    }

    /// The version in `If-Match: "v3"`.
    ///
    /// # Errors
    /// 428 when it is missing or `*`, 400 when it is no single entity tag. A tag
    /// that is none of ours becomes a version that never matches.
    pub fn expected_version(&self) -> Result<u64, Problem> {
        let missing = || {
            Problem::precondition_required(
                "Send If-Match with the ETag of the version that you edited, such as \"v3\".",
            )
        };
        let tag = self
            .if_match
            .as_deref()
            .map(str::trim)
            .ok_or_else(missing)?;
        if tag == "*" {
            // It would overwrite whatever somebody else saved meanwhile.
            return Err(missing());
        }
        let weak = tag.starts_with("W/");
        let inner = tag.trim_start_matches("W/");
        let opaque = inner
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        match opaque {
            Some(opaque) if !opaque.contains('"') => {
                let number = opaque.strip_prefix('v').filter(|digits| is_version(digits));
                // RFC 9110 §13.1.1: a weak tag never matches.
                Ok(number
                    .filter(|_| !weak)
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(NEVER))
            }
            _ => Err(Problem::malformed(
                "If-Match must be one entity tag, such as \"v3\".",
            )),
        }
    }

    /// A part of the path, counted from 0, such as the 1 of `/policy/versions/7/restore`
    /// with index 2.
    #[must_use]
    pub fn segment(&self, index: usize) -> &str {
        self.path.split('/').skip(1).nth(index).unwrap_or_default()
    }

    /// A version in the path.
    ///
    /// # Errors
    /// 404 when it is no version that could exist.
    pub fn version(&self, index: usize) -> Result<u64, Problem> {
        let text = Some(self.segment(index)).filter(|text| is_version(text));
        let version = text
            .and_then(|text| text.parse().ok())
            .filter(|version| *version > 0);
        version.ok_or_else(|| Problem::not_found("A version is a number such as 7."))
    }

    /// A query parameter; refused when it comes twice.
    ///
    /// # Errors
    /// 400 when it comes twice.
    pub fn parameter(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.query.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            Some(_) => Err(Problem::malformed(format!(
                "The parameter {name} came twice."
            ))),
            None => Ok(value),
        }
    }

    /// The cursor `before` of a list that counts from 1.
    ///
    /// # Errors
    /// 400 when it is no cursor.
    pub fn before(&self) -> Result<Option<u64>, Problem> {
        self.parameter("before")?
            .map(|text| {
                Some(text)
                    .filter(|text| is_version(text))
                    .and_then(|text| text.parse().ok())
            })
            .map(|cursor| {
                cursor.ok_or_else(|| Problem::malformed("`before` must be the `next` of a page."))
            })
            .transpose()
    }
}

/// A version that no policy has.
const NEVER: u64 = 0;

fn is_version(text: &str) -> bool {
    // 15 digits stay below 2^53, which is what the platform's SQL carries.
    (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_if_match(value: Option<&str>) -> ApiRequest {
        ApiRequest {
            if_match: value.map(str::to_owned),
            ..ApiRequest::default()
        }
    }

    #[test]
    fn our_own_tag_names_a_version() {
        assert_eq!(with_if_match(Some("\"v3\"")).expected_version(), Ok(3));
        assert_eq!(with_if_match(Some(" \"v12\" ")).expected_version(), Ok(12));
    }

    #[test]
    fn without_a_tag_nothing_is_saved() {
        for value in [None, Some("*")] {
            let problem = with_if_match(value)
                .expected_version()
                .expect_err("refused");
            assert_eq!(problem.slug(), "precondition-required");
        }
    }

    #[test]
    fn what_is_no_single_tag_is_malformed() {
        for value in ["", "v3", "3", "\"v3", "\"v3\", \"v4\"", "\"v3\"x"] {
            let problem = with_if_match(Some(value))
                .expected_version()
                .expect_err(value);
            assert_eq!(problem.slug(), "malformed", "{value}");
        }
    }

    #[test]
    fn tags_of_others_never_match() {
        for value in [
            "W/\"v3\"",
            "\"3\"",
            "\"v\"",
            "\"v-3\"",
            "\"v99999999999999999999\"",
            "\"\"",
        ] {
            assert_eq!(
                with_if_match(Some(value)).expected_version(),
                Ok(NEVER),
                "{value}"
            );
        }
    }

    #[test]
    fn cursors_are_numbers() {
        let request = |values: &[&str]| ApiRequest {
            query: values
                .iter()
                .map(|v| ("before".to_owned(), (*v).to_owned()))
                .collect(),
            ..ApiRequest::default()
        };
        assert_eq!(request(&[]).before(), Ok(None));
        assert_eq!(request(&["7"]).before(), Ok(Some(7)));
        for odd in ["", "-1", "1e3", "x", "9999999999999999"] {
            assert!(request(&[odd]).before().is_err(), "{odd}");
        }
        assert!(request(&["1", "2"]).before().is_err());
    }

    #[test]
    fn bodies_are_json_with_every_key_once() {
        let request = |content_type: &str, body: &[u8]| ApiRequest {
            content_type: Some(content_type.to_owned()),
            body: body.to_vec(),
            ..ApiRequest::default()
        };
        let read = |request: ApiRequest| request.json::<serde_json::Value>();
        assert!(read(request("application/json; charset=utf-8", b"{}")).is_ok());
        for (content_type, body, slug) in [
            ("text/plain", b"{}".as_slice(), "unsupported-media-type"),
            (
                "application/x-www-form-urlencoded",
                b"a=b",
                "unsupported-media-type",
            ),
            ("", b"{}", "unsupported-media-type"),
            ("application/json", b"", "malformed"),
            ("application/json", b"{", "malformed"),
            ("application/json", b"\xff", "malformed"),
            ("application/json", br#"{"a":1,"a":2}"#, "malformed"),
        ] {
            let problem = read(request(content_type, body)).expect_err(content_type);
            assert_eq!(problem.slug(), slug);
        }
    }
}
