//! Random bytes of the platform.

use worker::Error;

use crate::webcrypto::crypto;

/// `N` bytes from the platform's cryptographic random source.
///
/// # Errors
/// When the platform has none, which a Worker always has.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0u8; N];
    let mut fill = || {
        crypto()?
            .get_random_values_with_u8_array(&mut bytes)
            .map(drop)
    };
    fill().map_err(|_| Error::RustError("no random source".to_owned()))?;
    Ok(bytes)
}
