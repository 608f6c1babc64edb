//! Who is asking, and what the policy lets them do.

use chrono::{DateTime, Utc};
use domain::access::{Expectation, Identity, Role, ed25519};
use domain::policy::{EmailAddress, Policy};
use domain::problem::Problem;
use domain::wire::openclaw::{GROUP_PREFIX, SERVICE_PREFIX, service};

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
    /// Groups that their identity provider says they are in.
    pub groups: Vec<String>,
}

impl Principal {
    /// Whether this is a person and no script.
    #[must_use]
    pub fn is_person(&self) -> bool {
        !self.subject.starts_with(SERVICE_PREFIX)
    }

    /// The role that a policy gives them.
    #[must_use]
    pub fn role_in(&self, policy: &Policy) -> Option<Role> {
        if let Some(name) = self.subject.strip_prefix(SERVICE_PREFIX) {
            return policy.role_of_service(name);
        }
        let email: EmailAddress = self.subject.parse().ok()?;
        policy.role_of_member(&email, &self.groups)
    }

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
        let (subject, groups) = match caller {
            Caller::Person { email, groups } => (person(email)?, groups.clone()),
            Caller::Service { name } => (service(name), Vec::new()),
            Caller::Registry { token } => {
                let (email, groups) = self.registry_subject(token, now)?;
                (person(&email)?, groups)
            }
        };
        let mut who = Principal {
            subject,
            role: Role::User,
            groups,
        };
        let role = who.role_in(&self.newest.document);
        who.role = role.ok_or_else(|| nobody(&who.subject))?;
        Ok(who)
    }

    /// The person whom a registry's token names, and the groups that the registry knew them
    /// to be in: it has verified the same identity provider's word.
    fn registry_subject(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<(String, Vec<String>), Problem> {
        let refused = || Problem::unauthenticated("The token is not valid here; sign in again.");
        let membership = self.membership.as_ref().ok_or_else(refused)?;
        let expect = Expectation {
            issuer: &membership.issuer,
            audience: membership.gateway_id.as_str(),
            now: now.timestamp(),
        };
        match ed25519::verify_with_groups(token, &membership.jwks, &expect) {
            Ok((Identity::Person(email), groups)) => Ok((email, groups)),
            Ok((Identity::Service(_), _)) | Err(_) => Err(refused()),
        }
    }
}

/// An e-mail address as policies write it.
fn person(email: &str) -> Result<String, Problem> {
    let reserved = [SERVICE_PREFIX, GROUP_PREFIX];
    if reserved.iter().any(|prefix| email.starts_with(prefix)) {
        return Err(nobody(email));
    }
    let email: EmailAddress = email.parse().map_err(|_| nobody(email))?;
    Ok(email.to_string())
}

fn nobody(subject: &str) -> Problem {
    Problem::forbidden(format!(
        "The policy of this gateway does not name {subject}. Ask one of its admins to add you."
    ))
}
