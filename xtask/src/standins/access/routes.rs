//! What the issuer answers, at the paths of Access.

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::{Issuer, Overrides, SESSION_SECONDS, pages, resolve_redirect};
use crate::secrets;

/// Cookie that Access keeps its token in.
const TOKEN_COOKIE: &str = "CF_Authorization";
/// Cookie that ties a sign-in form to the browser that loaded it.
const FORM_COOKIE: &str = "tedix_sign_in";

pub(super) fn router(issuer: Issuer) -> Router {
    Router::new()
        .route("/cdn-cgi/access/certs", get(certs))
        .route("/cdn-cgi/access/login/{host}", get(form).post(sign_in))
        .route("/cdn-cgi/access/logout", get(sign_out))
        .fallback(|| async {
            page(
                StatusCode::NOT_FOUND,
                pages::notice("There is nothing here."),
            )
        })
        .with_state(issuer)
}

/// Query of the sign-in page.
#[derive(Debug, Deserialize)]
struct Login {
    /// Audience of the application to sign in to.
    kid: Option<String>,
    /// Where to return to; the application's front page when absent.
    redirect_url: Option<String>,
}

/// The sign-in form.
#[derive(Debug, Deserialize)]
struct SignIn {
    /// The same random value as in [`FORM_COOKIE`].
    form_token: String,
    /// Who signs in: one of the people, or what was typed.
    #[serde(default)]
    person: String,
    #[serde(default)]
    email: String,
}

async fn certs(State(issuer): State<Issuer>) -> Response {
    match issuer.keys().and_then(|keys| keys.certs()) {
        Ok(certs) => Json(certs).into_response(),
        Err(error) => failed(&error),
    }
}

async fn form(
    State(issuer): State<Issuer>,
    Path(host): Path<String>,
    Query(login): Query<Login>,
) -> Response {
    let target = match check(&issuer, &host, &login) {
        Ok(target) => target,
        Err(refusal) => return refusal,
    };
    let token = match secrets::random() {
        Ok(token) => token,
        Err(error) => return failed(&error),
    };
    let markup = pages::sign_in(&host, &target, &token, &issuer.config().people);
    let mut response = page(StatusCode::OK, markup);
    let cookie = format!("{FORM_COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/cdn-cgi/access");
    set_cookie(&mut response, &cookie);
    // A form's redirect counts as its action too, so the way back has to be named.
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self' {}",
        issuer.config().return_origins.join(" ")
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn sign_in(
    State(issuer): State<Issuer>,
    Path(host): Path<String>,
    Query(login): Query<Login>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    let target = match check(&issuer, &host, &login) {
        Ok(target) => target,
        Err(refusal) => return refusal,
    };
    // The gateways are other ports of the same site, so SameSite alone would let
    // a page of theirs sign the browser in as somebody else.
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    if origin != Some(issuer.config().issuer.as_str())
        || cookie(&headers, FORM_COOKIE).is_none_or(|sent| sent != form.form_token)
    {
        let notice = "This form was not sent by the sign-in page. Go back and sign in again.";
        return page(StatusCode::FORBIDDEN, pages::notice(notice));
    }
    let typed = form.email.trim();
    let email = if typed.is_empty() {
        form.person.trim()
    } else {
        typed
    };
    if !plausible(email) {
        let notice = "That is not an e-mail address. Go back and try again.";
        return page(StatusCode::UNPROCESSABLE_ENTITY, pages::notice(notice));
    }
    match issuer.mint(email, &Overrides::default()) {
        Ok(token) => {
            let mut response =
                (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response();
            let attributes = format!("HttpOnly; SameSite=Lax; Path=/; Max-Age={SESSION_SECONDS}");
            set_cookie(
                &mut response,
                &format!("{TOKEN_COOKIE}={token}; {attributes}"),
            );
            response
        }
        Err(error) => failed(&error),
    }
}

async fn sign_out() -> Response {
    let mut response = page(StatusCode::OK, pages::notice("You are signed out."));
    set_cookie(
        &mut response,
        &format!("{TOKEN_COOKIE}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"),
    );
    response
}

/// The address to return to, or the page that says why there is none.
fn check(issuer: &Issuer, host: &str, login: &Login) -> Result<String, Response> {
    let config = issuer.config();
    if !login
        .kid
        .as_ref()
        .is_some_and(|kid| config.audiences.contains(kid))
    {
        let notice = "The application that sent you here is not known: its kid is no audience.";
        return Err(page(StatusCode::BAD_REQUEST, pages::notice(notice)));
    }
    let target = login.redirect_url.as_deref().unwrap_or("/");
    resolve_redirect(host, target, &config.return_origins)
        .map(String::from)
        .map_err(|error| {
            let notice = format!("You cannot be sent back: {error}.");
            page(StatusCode::BAD_REQUEST, pages::notice(&notice))
        })
}

/// One `@` with something plain on both sides: enough for a stand-in, and
/// nothing that would upset a log or a header.
fn plausible(email: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".+-_".contains(&b))
    };
    email.len() <= 254
        && email
            .split_once('@')
            .is_some_and(|(who, at)| plain(who) && plain(at))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn page(status: StatusCode, markup: maud::Markup) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // Not `no-referrer`: browsers then send `Origin: null` with the form.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
             frame-ancestors 'none'; form-action 'none'",
        ),
    ];
    (status, headers, markup.into_string()).into_response()
}

fn failed(error: &anyhow::Error) -> Response {
    eprintln!("the issuer stand-in failed: {error:#}");
    let notice = "The stand-in failed; its terminal says why.";
    page(StatusCode::INTERNAL_SERVER_ERROR, pages::notice(notice))
}
