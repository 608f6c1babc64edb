//! Giving the person a file to keep.

use std::time::Duration;

use js_sys::Array;
use leptos::prelude::{document, set_timeout};
use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// How long the browser has to begin saving before the text is let go.
const HELD: Duration = Duration::from_secs(30);

/// Offers a text as a file; false when the browser does not let it.
pub(crate) fn save(name: &str, media_type: &str, text: &str) -> bool {
    let offer = || -> Result<(), JsValue> {
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        let parts = Array::of1(&JsValue::from_str(text));
        let blob = Blob::new_with_str_sequence_and_options(&parts, &options)?;
        let url = Url::create_object_url_with_blob(&blob)?;
        let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
        link.set_href(&url);
        link.set_download(name);
        link.click();
        set_timeout(move || drop(Url::revoke_object_url(&url)), HELD);
        Ok(())
    };
    offer().is_ok()
}
