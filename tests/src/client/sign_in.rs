//! Signing in as a browser does: the issuer's page, its form, its cookie.

use anyhow::{Context, ensure};
use url::Url;

use super::{Answer, Api};

/// What a sign-in leaves in a browser.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The Access token.
    pub token: String,
    /// Where the browser is sent.
    pub location: String,
}

/// Follows a `sign_in_url` and signs in as `email`.
///
/// # Errors
/// When the issuer refuses.
pub async fn sign_in(sign_in_url: &str, email: &str) -> anyhow::Result<SignedIn> {
    let url = Url::parse(sign_in_url).with_context(|| format!("{sign_in_url:?} is no URL"))?;
    let issuer = Api::new(&url.origin().ascii_serialization())?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let page = issuer.get(&path).send().await?.expect(200)?;
    let form_token = form_token(&page)?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("form_token", &form_token)
        .append_pair("email", email)
        .finish();
    let answer = issuer
        .post(&path)
        .header("origin", issuer.origin())
        .header("cookie", &cookies(&page))
        .body("application/x-www-form-urlencoded", form)
        .send()
        .await?
        .expect(303)?;
    let location = answer
        .header("location")
        .context("sign-in without a way back")?
        .to_owned();
    let token = cookie(&answer, "CF_Authorization").context("sign-in without a token")?;
    ensure!(
        token.split('.').count() == 3,
        "the issuer gave {token:?}, not a token"
    );
    Ok(SignedIn { token, location })
}

fn form_token(page: &Answer) -> anyhow::Result<String> {
    let text = page.text();
    let (_, after) = text
        .split_once("name=\"form_token\" value=\"")
        .context("the sign-in page has no form token")?;
    let (token, _) = after
        .split_once('"')
        .context("the sign-in page ends in its form token")?;
    Ok(token.to_owned())
}

fn set_cookies(answer: &Answer) -> impl Iterator<Item = (&str, &str)> {
    let values = answer.headers.get_all("set-cookie").iter();
    values
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| value.split(';').next())
        .filter_map(|pair| pair.split_once('='))
}

fn cookies(answer: &Answer) -> String {
    set_cookies(answer)
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("; ")
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    set_cookies(answer)
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}
