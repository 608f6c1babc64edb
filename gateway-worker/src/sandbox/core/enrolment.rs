//! Which registry the gateway belongs to.

use chrono::{DateTime, Utc};
use domain::access::Jwks;
use domain::id::GatewayId;
use domain::problem::{FieldError, Problem};
use domain::secret::{Secret, at_rest};
use domain::wire::gateway::{Enrolment, JoinRegistry};
use domain::wire::registry::{Enroll, Enrolled};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use worker::Url;

use super::{Core, Principal};
use crate::ports::{Answer, Db};
use crate::sandbox::store::records;
use crate::sandbox::store::records::Record;
use crate::settings::TEDIX_VERSION;

/// Most keys that a registry may have pinned.
const MAX_KEYS: usize = 16;

/// A registry that took this gateway in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The gateway's id there.
    pub gateway_id: GatewayId,
    /// Its origin.
    pub registry_url: String,
    /// Credential for heartbeats.
    #[serde(with = "at_rest")]
    pub credential: Secret,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Its keys, pinned.
    pub jwks: Jwks,
    /// When the gateway joined.
    pub enrolled_at: DateTime<Utc>,
    /// When a heartbeat was last taken.
    pub last_accepted_at: Option<DateTime<Utc>>,
    /// Why the last one was not.
    pub last_error: Option<String>,
    /// Newest hour of usage that the registry has taken, `YYYY-MM-DDTHH` in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_through: Option<String>,
}

/// A request to a registry to take this gateway in.
#[derive(Debug, Clone, PartialEq)]
pub struct Joining {
    /// Origin of the registry.
    pub registry_url: String,
    /// Where to post.
    pub url: String,
    /// What to post.
    pub body: Value,
}

impl<D: Db> Core<D> {
    /// What to send to the registry.
    ///
    /// # Errors
    /// 422 when its address will not do.
    pub fn begin_join(&self, join: &JoinRegistry) -> Result<Joining, Problem> {
        let registry_url = registry_origin(&join.registry_url)
            .map_err(|detail| Problem::fields(vec![FieldError::new("/registry_url", detail)]))?;
        let enroll = Enroll {
            join_token: join.join_token.clone(),
            name: self.settings.name.clone(),
            url: self.settings.public_url.clone(),
            tedix_version: TEDIX_VERSION.to_owned(),
        };
        let body = serde_json::to_value(&enroll)
            .map_err(|_| Problem::internal("The request to the registry could not be written."))?;
        Ok(Joining {
            url: format!("{registry_url}/api/v1/enroll"),
            registry_url,
            body,
        })
    }

    /// Takes in what the registry answered.
    ///
    /// # Errors
    /// The registry's own problem, or 502 when its answer makes no sense.
    pub fn finish_join(
        &mut self,
        joining: &Joining,
        answer: Result<Answer, String>,
        principal: &Principal,
        now: DateTime<Utc>,
    ) -> Result<Enrolment, Problem> {
        let answer = answer.map_err(|error| {
            Problem::bad_gateway(format!(
                "The registry at {} cannot be reached: {error}",
                joining.registry_url
            ))
        })?;
        let enrolled = read_answer(answer)?;
        let detail = format!("joined {} as {}", joining.registry_url, enrolled.gateway_id);
        self.note(&principal.subject, "enrolment.joined", &detail, now)?;
        let membership = Membership {
            gateway_id: enrolled.gateway_id,
            registry_url: joining.registry_url.clone(),
            credential: Secret::new(enrolled.credential),
            issuer: enrolled.issuer,
            jwks: enrolled.jwks,
            enrolled_at: now,
            last_accepted_at: None,
            usage_through: None,
            last_error: None,
        };
        records::save(&self.db, Record::Membership, &membership)?;
        self.pulse.restart(enrolled.heartbeat_interval_seconds, now);
        let enrolment = membership.enrolment();
        self.membership = Some(membership);
        self.announce();
        Ok(enrolment)
    }

    /// Which registry the gateway belongs to.
    ///
    /// # Errors
    /// 404 when to none.
    pub fn enrolment(&self) -> Result<Enrolment, Problem> {
        let membership = self.membership.as_ref().map(Membership::enrolment);
        membership.ok_or_else(|| {
            Problem::not_found("This gateway has not joined a registry; POST enrolment joins one.")
        })
    }
}

impl Membership {
    fn enrolment(&self) -> Enrolment {
        Enrolment {
            gateway_id: self.gateway_id.clone(),
            registry_url: self.registry_url.clone(),
            enrolled_at: self.enrolled_at,
            last_accepted_at: self.last_accepted_at,
            last_error: self.last_error.clone(),
        }
    }
}

fn read_answer(answer: Answer) -> Result<Enrolled, Problem> {
    let strange =
        || Problem::bad_gateway("The registry's answer cannot be read; is this its address?");
    match answer.status {
        200..=299 => {
            let enrolled: Enrolled = serde_json::from_value(answer.body).map_err(|_| strange())?;
            let keys = enrolled.jwks.keys.len();
            if keys == 0 || keys > MAX_KEYS || enrolled.issuer.is_empty() {
                return Err(strange());
            }
            Ok(enrolled)
        }
        400..=499 => Err(match serde_json::from_value::<Problem>(answer.body) {
            // A 401 of the registry's is about the join token, not about who asks here.
            Ok(problem) => Problem::conflict(format!("The registry refused: {}", problem.detail)),
            Err(_) => strange(),
        }),
        status => Err(Problem::bad_gateway(format!(
            "The registry answered {status}; try again."
        ))),
    }
}

/// The origin of a registry: HTTPS, or HTTP on this machine.
fn registry_origin(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "must be an origin such as https://registry.example.com";
    origin_of(&Url::parse(text.trim()).map_err(|_| WRONG)?, WRONG)
}

fn origin_of(url: &Url, wrong: &'static str) -> Result<String, &'static str> {
    let bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host_str().unwrap_or_default();
    if !bare || host.is_empty() {
        return Err(wrong);
    }
    let internal = host.trim_end_matches('.').ends_with(".internal");
    let loopback = host == "localhost"
        || host == "[::1]"
        || host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        _ if internal => Err(wrong),
        "https" => Ok(url.origin().ascii_serialization()),
        "http" if loopback => Ok(url.origin().ascii_serialization()),
        "http" => Err("must use https; http is for a registry on this machine alone"),
        _ => Err(wrong),
    }
}

/// The origin of another gateway: as that of a registry, and a name: no address has one but
/// this machine's.
pub(super) fn other_gateway(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "must be the origin of a gateway such as https://company.example.com";
    let url = Url::parse(text.trim()).map_err(|_| WRONG)?;
    let host = url.host_str().unwrap_or_default();
    let named = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.parse::<std::net::Ipv4Addr>().is_err();
    match origin_of(&url, WRONG) {
        Ok(origin) if named || url.scheme() == "http" => Ok(origin),
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::{other_gateway, registry_origin};

    #[test]
    fn another_gateway_has_a_name() {
        for (text, origin) in [
            ("https://company.example.com", "https://company.example.com"),
            (
                " https://Company.example.com:8443/ ",
                "https://company.example.com:8443",
            ),
            ("http://localhost:8701", "http://localhost:8701"),
            ("http://127.0.0.1:8701", "http://127.0.0.1:8701"),
        ] {
            assert_eq!(other_gateway(text).as_deref(), Ok(origin));
        }
        for text in [
            "",
            "company.example.com",
            "http://company.example.com",
            "http://169.254.169.254",
            "https://169.254.169.254",
            "https://0xa9fea9fe",
            "https://2852039166/",
            "https://[fd00:ec2::254]",
            "https://[::ffff:169.254.169.254]",
            "https://metadata.google.internal",
            "https://metadata.google.internal.",
            "https://state.internal",
            "https://ada:pw@company.example.com",
            "https://company.example.com/x",
            "https://company.example.com?x",
            "https://company.example.com#x",
            "file:///etc/passwd",
            "ftp://company.example.com",
        ] {
            assert!(other_gateway(text).is_err(), "{text}");
        }
    }

    #[test]
    fn registries_are_https_or_on_this_machine() {
        for (text, origin) in [
            (
                "https://registry.example.com/",
                "https://registry.example.com",
            ),
            (
                "https://Registry.example.com:8443",
                "https://registry.example.com:8443",
            ),
            ("http://localhost:8700", "http://localhost:8700"),
            ("http://127.0.0.1:8700", "http://127.0.0.1:8700"),
            ("http://[::1]:8700", "http://[::1]:8700"),
        ] {
            assert_eq!(registry_origin(text).as_deref(), Ok(origin));
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "",
            "registry.example.com",
            "http://registry.example.com",
            "http://169.254.169.254",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "https://user:secret@registry.example.com",
            "https://registry.example.com/path",
            "https://registry.example.com?x",
            "https://registry.example.com#x",
            "ftp://registry.example.com",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://governance.internal",
        ] {
            assert!(registry_origin(text).is_err(), "{text}");
        }
    }
}
