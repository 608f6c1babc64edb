//! The Worker's variables, read once and checked: see `wrangler.toml`.

use domain::id::GatewayName;
use domain::policy::{EmailAddress, ModelSpec};
use domain::prices::PriceTable;
use domain::wire::gateway::ModelInfo;

/// Version of this Worker.
pub const TEDIX_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the deployment says about this gateway. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What its operators call it.
    pub name: GatewayName,
    /// Its public origin, without a slash at the end.
    pub public_url: String,
    /// Origin of the admin app, which alone may call from another origin.
    pub admin_origin: Option<String>,
    /// Issuer of Access tokens, without a slash at the end.
    pub access_issuer: String,
    /// Audience tag of the Access application.
    pub access_audience: String,
    /// Admins of the first policy version.
    pub bootstrap_admins: Vec<EmailAddress>,
    /// Models that may be called; the first is the default.
    pub models: Vec<ModelSpec>,
    /// What models cost.
    pub prices: PriceTable,
}

/// A variable that is missing or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable {name}: {detail}")]
pub struct SettingsError {
    name: &'static str,
    detail: String,
}

impl Settings {
    /// Reads the variables, given a way to look them up.
    ///
    /// # Errors
    /// The first variable that is missing or makes no sense.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let required = |name: &'static str| {
            let value = variable(name).filter(|value| !value.trim().is_empty());
            value.ok_or_else(|| SettingsError {
                name,
                detail: "is not set".to_owned(),
            })
        };
        let wrong = |name, detail: &dyn ToString| SettingsError {
            name,
            detail: detail.to_string(),
        };
        let name = required("GATEWAY_NAME")?;
        let admins = variable("BOOTSTRAP_ADMINS").unwrap_or_default();
        let models = required("MODELS")?;
        let models: Vec<ModelSpec> =
            serde_json::from_str(&models).map_err(|error| wrong("MODELS", &error))?;
        if models.is_empty() {
            return Err(wrong("MODELS", &"names no model"));
        }
        let prices = PriceTable::built_in().map_err(|error| wrong("MODEL_PRICES", &error))?;
        let own = variable("MODEL_PRICES").filter(|value| !value.trim().is_empty());
        let prices = match own {
            Some(own) => prices
                .with_overrides(&own)
                .map_err(|error| wrong("MODEL_PRICES", &error))?,
            None => prices,
        };
        Ok(Self {
            name: name
                .trim()
                .parse()
                .map_err(|error| wrong("GATEWAY_NAME", &error))?,
            public_url: origin("PUBLIC_URL", &required("PUBLIC_URL")?)?,
            admin_origin: variable("ADMIN_ORIGIN")
                .filter(|value| !value.trim().is_empty())
                .map(|value| origin("ADMIN_ORIGIN", &value))
                .transpose()?,
            access_issuer: origin("ACCESS_ISSUER", &required("ACCESS_ISSUER")?)?,
            access_audience: required("ACCESS_AUDIENCE")?.trim().to_owned(),
            bootstrap_admins: admins
                .split(',')
                .map(str::trim)
                .filter(|email| !email.is_empty())
                .map(|email| {
                    email
                        .parse()
                        .map_err(|error| wrong("BOOTSTRAP_ADMINS", &error))
                })
                .collect::<Result<_, _>>()?,
            models,
            prices,
        })
    }

    /// Host and port of the public origin.
    #[must_use]
    pub fn public_host(&self) -> &str {
        self.public_url
            .split_once("://")
            .map_or(self.public_url.as_str(), |(_, host)| host)
    }

    /// The models as the API shows them.
    #[must_use]
    pub fn model_infos(&self) -> Vec<ModelInfo> {
        let info = |model: &ModelSpec| ModelInfo {
            provider: model.provider.provider().to_owned(),
            id: model.id.clone(),
            stand_in: model.stand_in,
        };
        self.models.iter().map(info).collect()
    }
}

/// An origin (scheme, host, port) without path and without a slash at the end.
fn origin(name: &'static str, value: &str) -> Result<String, SettingsError> {
    let value = value.trim().trim_end_matches('/');
    let host = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => {
            Ok(value.to_ascii_lowercase())
        }
        _ => Err(SettingsError {
            name,
            detail: "must be an origin such as https://a.example".into(),
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings as a test gateway has them, one variable replaced.
    pub(crate) fn settings_with(
        name: &str,
        value: Option<&str>,
    ) -> Result<Settings, SettingsError> {
        Settings::read(|wanted| {
            if wanted == name {
                return value.map(str::to_owned);
            }
            let text = match wanted {
                "GATEWAY_NAME" => "company",
                "PUBLIC_URL" => "https://company.example.com",
                "ADMIN_ORIGIN" => "https://registry.example.com",
                "ACCESS_ISSUER" => "https://team.cloudflareaccess.com/",
                "ACCESS_AUDIENCE" => "aud",
                "BOOTSTRAP_ADMINS" => "Ada@example.com, bob@example.com,",
                "MODELS" => {
                    r#"[{"provider":"openai","id":"m1","context_tokens":100000,"max_output_tokens":1000}]"#
                }
                _ => return None,
            };
            Some(text.to_owned())
        })
    }

    pub(crate) fn settings() -> Settings {
        settings_with("", None).expect("settings")
    }

    #[test]
    fn a_complete_set_is_read() {
        let settings = settings();
        assert_eq!(settings.access_issuer, "https://team.cloudflareaccess.com");
        assert_eq!(settings.public_host(), "company.example.com");
        let admins: Vec<&str> = settings
            .bootstrap_admins
            .iter()
            .map(EmailAddress::as_str)
            .collect();
        assert_eq!(admins, ["ada@example.com", "bob@example.com"]);
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_named() {
        for (name, value) in [
            ("GATEWAY_NAME", None),
            ("GATEWAY_NAME", Some("Not A Name")),
            ("PUBLIC_URL", Some("company.example.com")),
            ("PUBLIC_URL", Some("https://a.example/path")),
            ("PUBLIC_URL", Some("https://user@a.example")),
            ("ACCESS_ISSUER", Some(" ")),
            ("ACCESS_AUDIENCE", None),
            ("BOOTSTRAP_ADMINS", Some("ada")),
            ("MODELS", Some("[]")),
            ("MODELS", Some("{")),
            (
                "MODEL_PRICES",
                Some("{\"openai/m1\": {\"input\": -1, \"output\": 1}}"),
            ),
            (
                "MODELS",
                Some(r#"[{"provider":"other","id":"m","context_tokens":1,"max_output_tokens":1}]"#),
            ),
        ] {
            let error = settings_with(name, value).expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
