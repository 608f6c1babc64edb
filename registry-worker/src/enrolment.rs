//! Who may enrol: the rules, without the database.

use chrono::{DateTime, Utc};
use domain::id::{GatewayId, GatewayName};
use domain::problem::Problem;

/// A join token as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRecord {
    /// Name that it is bound to.
    pub(crate) name: Option<GatewayName>,
    /// Who asked for it.
    pub(crate) created_by: String,
    /// When it stops working.
    pub(crate) expires_at: DateTime<Utc>,
    /// Whether it was used.
    pub(crate) used: bool,
}

/// A decided enrolment, to be written in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enrolment {
    /// A random text that marks this very enrolment as the one the token went into.
    pub(crate) nonce: String,
    /// SHA-256 of the join token in hex.
    pub(crate) token_hash: String,
    /// The gateway's id.
    pub(crate) id: GatewayId,
    /// Whether a row of that id exists and is taken over.
    pub(crate) replaces: bool,
    /// What the gateway is called.
    pub(crate) name: GatewayName,
    /// Its public origin.
    pub(crate) url: String,
    /// SHA-256 of its new credential in hex.
    pub(crate) credential_hash: String,
    /// Who asked for the join token.
    pub(crate) enrolled_by: String,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

/// How a gateway is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// As a new row.
    New,
    /// In place of the gateway that holds, or held, the name.
    Of(GatewayId),
}

/// Whether a token lets a gateway of that name enrol, and where it belongs.
///
/// `holder` is who holds the name, or held it last, and whether it still does. Taking a
/// name over needs a token that an operator bound to that very name: then the id stays,
/// and the credential from before stops working.
///
/// # Errors
/// 401 for an unknown token, 410 for a used or expired one, 403 for one bound to another
/// name, 409 when the name is taken.
pub(crate) fn decide(
    token: Option<&TokenRecord>,
    holder: Option<&(GatewayId, bool)>,
    name: &GatewayName,
    now: DateTime<Utc>,
) -> Result<Place, Problem> {
    let token = token.ok_or_else(unknown_token)?;
    if token.used {
        let detail = "This join token was already used. Ask an operator for a new one.";
        return Err(Problem::gone(detail));
    }
    if token.expires_at <= now {
        let detail = "This join token has expired. Ask an operator for a new one.";
        return Err(Problem::gone(detail));
    }
    match (&token.name, holder) {
        (Some(bound), _) if bound != name => Err(Problem::forbidden(format!(
            "This join token is for the name {bound}, not for {name}."
        ))),
        (Some(_), Some((id, _))) => Ok(Place::Of(id.clone())),
        (None, Some((_, true))) => Err(name_taken(name)),
        (Some(_) | None, _) => Ok(Place::New),
    }
}

/// 401 for a join token that nobody made.
pub(crate) fn unknown_token() -> Problem {
    Problem::unauthenticated("This join token is not known. Ask an operator for a new one.")
}

/// 409 for a name that another gateway holds.
pub(crate) fn name_taken(name: &GatewayName) -> Problem {
    Problem::conflict(format!(
        "A gateway called {name} is already enrolled. Choose another name, or ask an operator \
         for a join token bound to {name} to take its place."
    ))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_348_800, 0).expect("time")
    }

    fn name(text: &str) -> GatewayName {
        text.parse().expect("name")
    }

    fn token(bound: Option<&str>) -> TokenRecord {
        TokenRecord {
            name: bound.map(name),
            created_by: "ada@example.com".to_owned(),
            expires_at: now() + TimeDelta::seconds(1),
            used: false,
        }
    }

    fn holder(live: bool) -> (GatewayId, bool) {
        (GatewayId::from_parts(1, [1; 10]), live)
    }

    fn status(outcome: Result<Place, Problem>) -> u16 {
        outcome.map_or_else(|problem| problem.status, |_| 200)
    }

    #[test]
    fn a_free_name_is_new_whatever_the_token() {
        for token in [token(None), token(Some("company"))] {
            assert_eq!(
                decide(Some(&token), None, &name("company"), now()),
                Ok(Place::New)
            );
        }
    }

    #[test]
    fn only_a_token_bound_to_the_name_takes_it_over() {
        let (id, _) = holder(true);
        for live in [true, false] {
            let bound = token(Some("company"));
            let place = decide(Some(&bound), Some(&holder(live)), &name("company"), now());
            assert_eq!(place, Ok(Place::Of(id.clone())));
        }
        let free = token(None);
        assert_eq!(
            status(decide(
                Some(&free),
                Some(&holder(true)),
                &name("company"),
                now()
            )),
            409
        );
        let forgotten = decide(Some(&free), Some(&holder(false)), &name("company"), now());
        assert_eq!(forgotten, Ok(Place::New));
    }

    #[test]
    fn unknown_used_expired_and_foreign_tokens_are_refused() {
        let company = name("company");
        assert_eq!(status(decide(None, None, &company, now())), 401);
        let used = TokenRecord {
            used: true,
            ..token(None)
        };
        assert_eq!(status(decide(Some(&used), None, &company, now())), 410);
        let expired = TokenRecord {
            expires_at: now(),
            ..token(None)
        };
        assert_eq!(status(decide(Some(&expired), None, &company, now())), 410);
        assert_eq!(
            status(decide(
                Some(&token(Some("personal"))),
                None,
                &company,
                now()
            )),
            403
        );
    }
}
