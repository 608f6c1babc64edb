//! The issuer of this installation, and `cargo xtask token`.

use std::path::PathBuf;

use clap::Args;

use super::layout::{Layout, OPERATOR};
use super::state::keys_of;
use crate::checkout::Checkout;
use crate::standins::access::{Issuer, IssuerConfig, Overrides, Person};

/// Options of `cargo xtask token`.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    /// Whose token.
    #[arg(default_value = OPERATOR)]
    pub email: String,
    /// Port that `cargo xtask dev` was given.
    #[arg(long, default_value_t = 8700)]
    pub port: u16,
    /// How many gateways it was given.
    #[arg(long, default_value_t = 2)]
    pub gateways: u16,
    /// State folder that it was given.
    #[arg(long, default_value = super::DEFAULT_STATE, value_name = "DIR")]
    pub state: PathBuf,
}

/// Prints an Access token for scripts: the value of `Cf-Access-Jwt-Assertion`.
///
/// # Errors
/// When the state folder has no keys.
pub fn print_token(checkout: &Checkout, args: &TokenArgs) -> anyhow::Result<()> {
    let keys = keys_of(&super::state_folder(checkout, &args.state));
    anyhow::ensure!(
        keys.is_dir(),
        "{} is not there: run `cargo xtask dev` first, or name its folder with --state",
        keys.display()
    );
    let layout = Layout::new(args.port, args.gateways)?;
    let issuer = Issuer::open(&keys, config(&layout))?;
    println!("{}", issuer.mint(&args.email, &Overrides::default())?);
    Ok(())
}

/// What the issuer is told.
#[must_use]
pub(super) fn config(layout: &Layout) -> IssuerConfig {
    let person = |email: &str, about: &str| Person {
        email: email.into(),
        about: about.into(),
    };
    IssuerConfig {
        issuer: layout.issuer_url(),
        audiences: layout.audiences(),
        return_origins: layout.origins(),
        people: vec![
            person(OPERATOR, "operator of the registry, admin of every gateway"),
            person("colleague@localhost.test", "somebody no policy names yet"),
        ],
    }
}
