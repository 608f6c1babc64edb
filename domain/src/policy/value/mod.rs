//! Values that clauses are made of; each refuses what it cannot mean.

mod duration;
mod model;
mod name;
mod zone;

pub use duration::IsoDuration;
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
    };
}
pub(crate) use text_value;
