//! Values that clauses are made of; each refuses what it cannot mean.

mod commit;
mod duration;
mod email;
mod host;
mod model;
mod name;
mod zone;

pub use commit::CommitId;
pub use duration::IsoDuration;
pub use email::EmailAddress;
pub use host::HostPattern;
pub(super) use host::is_https;
pub use host::is_repository;
pub use model::ModelPattern;
pub use name::{AgentId, ChannelId};
pub use zone::TimeZone;

/// Serde, text and display for a checked text type with a `check(&str) -> Result<Self, &'static str>`.
macro_rules! text_value {
    ($name:ident) => {
        impl std::str::FromStr for $name {
            type Err = &'static str;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::check(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::check(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(test)]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}
pub(crate) use text_value;
