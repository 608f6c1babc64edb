//! Who makes a public request, as far as the Worker can verify it.

use domain::access::TokenError;
use domain::access::token::Unverified;
use domain::problem::Problem;
use edge::access::AccessApplication;
use edge::credentials::{self, Credential};
use web_sys::Request;
use worker::console_log;

use crate::command::Caller;
use crate::settings::Settings;

/// Who makes a request, and with what.
///
/// # Errors
/// 401 without a valid identity, 503 while the issuer's keys cannot be had.
pub async fn caller(
    request: &Request,
    settings: &Settings,
) -> Result<(Caller, Credential), Problem> {
    let headers = request.headers();
    let found = credentials::find(|name| headers.get(name).ok().flatten());
    let Some(credential) = found else {
        return Err(Problem::unauthenticated("Sign in to use this gateway."));
    };
    if let Credential::Bearer(token) = &credential {
        let access = Unverified::parse(token)
            .is_ok_and(|token| token.claimed_issuer() == Some(settings.access_issuer.as_str()));
        if !access {
            // A registry's, perhaps: its keys are in the Durable Object.
            return Ok((
                Caller::Registry {
                    token: token.clone(),
                },
                credential,
            ));
        }
    }
    match application(settings)
        .verify_with_groups(credential.token())
        .await
    {
        Ok((identity, groups)) => Ok((Caller::verified(identity, groups), credential)),
        Err(TokenError::KeysUnavailable) => Err(Problem::unavailable(
            "Your sign-in cannot be checked just now: its issuer does not answer.",
        )
        .with_retry_after(5)),
        Err(error) => {
            console_log!("identity refused: {error}");
            Err(Problem::unauthenticated(
                "Your sign-in is not valid here; sign in again.",
            ))
        }
    }
}

/// Where a person signs in to come back to a path of this gateway.
#[must_use]
pub fn sign_in_url(settings: &Settings, path: &str) -> String {
    let back = format!("{}{path}", settings.public_url);
    application(settings).sign_in_url(settings.public_host(), &back)
}

/// Whether a person's browser asks for a page.
#[must_use]
pub fn is_navigation(request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    if !matches!(request.method().as_str(), "GET" | "HEAD") || header("upgrade").is_some() {
        return false;
    }
    match header("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => header("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

fn application(settings: &Settings) -> AccessApplication {
    AccessApplication {
        issuer: settings.access_issuer.clone(),
        audience: settings.access_audience.clone(),
    }
}
