//! Which operator is asking.

use axum::http::{HeaderMap, Method, header};
use domain::access::{Identity, TokenError};
use domain::problem::Problem;
use edge::credentials::{Credential, find};
use edge::origin::{Evidence, is_own_page};

use crate::app::App;

/// An operator of the registry, by e-mail address in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator(pub(crate) String);

impl Operator {
    /// The operator who makes a request.
    ///
    /// # Errors
    /// 401 with the place to sign in for nobody, 403 for somebody else, and 403 for a
    /// request that changes something and may have been made by another site.
    pub(crate) async fn of(
        app: &App,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let found = Self::with_groups(app, method, headers).await?;
        Ok(found.0)
    }

    /// The same, with the groups that their identity provider says they are in: the
    /// registry asks nothing of them, gateways may.
    ///
    /// # Errors
    /// Those of [`Operator::of`].
    pub(crate) async fn with_groups(
        app: &App,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(Self, Vec<String>), Problem> {
        let credential = find(|name| joined(headers, name)).ok_or_else(|| nobody(app))?;
        let (identity, groups) = match app.verifier.verify(credential.token()).await {
            Ok(verified) => verified,
            Err(TokenError::KeysUnavailable) => {
                let detail = "Sign-in cannot be checked at the moment. Try again in a few seconds.";
                return Err(Problem::unavailable(detail).with_retry_after(5));
            }
            Err(_) => return Err(nobody(app)),
        };
        let Identity::Person(email) = identity else {
            let detail = "Service tokens may not use the registry. Sign in as a person.";
            return Err(Problem::forbidden(detail));
        };
        if !app.settings.operators.contains(&email) {
            return Err(Problem::forbidden(format!(
                "{email} is not an operator of this registry. Ask one to add you to \
                 REGISTRY_OPERATORS."
            )));
        }
        refuse_other_sites(app, method, headers, &credential)?;
        Ok((Self(email), groups))
    }
}

/// A browser adds the cookie to requests that other sites make, so a change that comes
/// with it must come from our own page.
fn refuse_other_sites(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    credential: &Credential,
) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let evidence = Evidence {
        origin: text(header::ORIGIN.as_str()),
        fetch_site: text("sec-fetch-site"),
    };
    let safe = matches!(*method, Method::GET | Method::HEAD);
    if safe || !credential.is_ambient() || is_own_page(evidence, &app.settings.public_url) {
        return Ok(());
    }
    let detail = "Changes are only taken from the registry's own pages. Open the admin app and \
        try again.";
    Err(Problem::forbidden(detail))
}

/// All values of a header in one text, as the platform joins them, so that a header that
/// came twice is seen as such.
pub(crate) fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Option<Vec<&str>> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().ok())
        .collect();
    values
        .filter(|values| !values.is_empty())
        .map(|values| values.join(", "))
}

fn nobody(app: &App) -> Problem {
    let access = &app.settings.access;
    Problem::unauthenticated("You are not signed in, or no longer.")
        .with_sign_in(access.sign_in_url(app.settings.host(), "/"))
}
