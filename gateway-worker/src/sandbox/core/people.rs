//! Who is asking, and what the policy lets them do.

use chrono::{DateTime, Utc};
use domain::access::{Expectation, Identity, Role, ed25519};
use domain::policy::EmailAddress;
use domain::problem::Problem;

use super::Core;
use crate::command::Caller;
use crate::ports::Db;

/// Somebody whose identity is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// E-mail address, or `service:` and the name of a service token.
    pub subject: String,
    /// What the policy lets them do.
    pub role: Role,
}

impl Principal {
    /// Whether they may do what a role may.
    ///
    /// # Errors
    /// 403 saying which role it takes.
    pub fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "{} is {} here; to {} takes the role {role}. Ask an admin of this gateway.",
            self.subject,
            self.role,
            role.may(),
        )))
    }
}

impl<D: Db> Core<D> {
    /// Who a caller is, with the role that the newest policy gives them.
    ///
    /// # Errors
    /// 401 when a registry's token does not verify, 403 when the policy does not
    /// name them.
    pub fn principal(&self, caller: &Caller, now: DateTime<Utc>) -> Result<Principal, Problem> {
        let subject = match caller {
            Caller::Person { email } => email.clone(),
            Caller::Service { name } => {
                return Err(Problem::forbidden(format!(
                    "This takes a person; {name} is a service token."
                )));
            }
            Caller::Registry { token } => self.registry_subject(token, now)?,
        };
        let email: EmailAddress = subject.parse().map_err(|_| nobody(&subject))?;
        let role = self
            .newest
            .document
            .role_of(&email)
            .ok_or_else(|| nobody(&subject))?;
        Ok(Principal {
            subject: email.to_string(),
            role,
        })
    }

    fn registry_subject(&self, token: &str, now: DateTime<Utc>) -> Result<String, Problem> {
        let refused = || Problem::unauthenticated("The token is not valid here; sign in again.");
        let membership = self.membership.as_ref().ok_or_else(refused)?;
        let expect = Expectation {
            issuer: &membership.issuer,
            audience: membership.gateway_id.as_str(),
            now: now.timestamp(),
        };
        match ed25519::verify(token, &membership.jwks, &expect) {
            Ok(Identity::Person(email)) => Ok(email),
            Ok(Identity::Service(_)) | Err(_) => Err(refused()),
        }
    }
}

fn nobody(subject: &str) -> Problem {
    Problem::forbidden(format!(
        "The policy of this gateway does not name {subject}. Ask one of its admins to add you."
    ))
}
