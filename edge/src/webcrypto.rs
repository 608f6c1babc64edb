//! The platform's WebCrypto, as far as it is used.

use domain::access::Jwk;
use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

/// Web Crypto's name of RS256 (RFC 7518 §3.3).
const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";
/// Shortest modulus that is accepted, in characters of base64url: 2048 bits
/// (RFC 7518 §3.3 demands at least that).
const MIN_MODULUS_CHARS: usize = 342;

/// Whether `signature` over `data` is the key's; false on any doubt.
pub(crate) async fn verify_rs256(key: &Jwk, signature: &[u8], data: &[u8]) -> bool {
    try_verify(key, signature, data).await.unwrap_or(false)
}

async fn try_verify(key: &Jwk, signature: &[u8], data: &[u8]) -> Result<bool, JsValue> {
    let (Some(n), Some(e)) = (&key.n, &key.e) else {
        return Ok(false);
    };
    if n.len() < MIN_MODULUS_CHARS {
        return Ok(false);
    }
    let jwk = serde_json::json!({"kty": "RSA", "alg": "RS256", "n": n, "e": e, "ext": true});
    let jwk: Object = JSON::parse(&jwk.to_string())?.unchecked_into();
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &ALGORITHM.into())?;
    Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
    let usages = Array::of1(&"verify".into());
    let subtle = subtle()?;
    let imported = subtle.import_key_with_object("jwk", &jwk, &algorithm, false, &usages)?;
    let imported: CryptoKey = JsFuture::from(imported).await?.unchecked_into();
    let outcome =
        subtle.verify_with_str_and_u8_array_and_u8_array(ALGORITHM, &imported, signature, data)?;
    Ok(JsFuture::from(outcome).await?.is_truthy())
}

/// The platform's `crypto`.
pub(crate) fn crypto() -> Result<Crypto, JsValue> {
    Ok(Reflect::get(&js_sys::global(), &"crypto".into())?.unchecked_into())
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(crypto()?.subtle())
}
