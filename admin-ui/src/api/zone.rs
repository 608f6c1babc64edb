//! Times as the clocks of a time zone show them. The browser knows every zone, so
//! the app carries no table of its own.

use chrono::{DateTime, Utc};
use js_sys::{Array, Function, Object, Reflect};
use leptos::wasm_bindgen::{JsCast, JsValue};

/// The clocks of a time zone.
pub(crate) struct Zone(Option<Function>);

impl Zone {
    /// The clocks of a zone of the tz database; those of UTC when the browser does not
    /// know it.
    pub(crate) fn new(name: &str) -> Self {
        Self(formatter(name).ok())
    }

    /// Day and time, such as `2026-11-22` and `14:00`.
    pub(crate) fn read(&self, at: DateTime<Utc>) -> (String, String) {
        // INVARIANT: a time in milliseconds is a whole number that f64 keeps exactly.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let millis = JsValue::from_f64(at.timestamp_millis() as f64);
        let shown = self.0.as_ref().and_then(|format| {
            let text = format
                .call1(&JsValue::UNDEFINED, &millis)
                .ok()?
                .as_string()?;
            let (day, time) = text.split_once(' ')?;
            Some((day.to_owned(), time.to_owned()))
        });
        shown.unwrap_or_else(|| {
            let time = at.format("%H:%M UTC").to_string();
            (at.format("%Y-%m-%d").to_string(), time)
        })
    }

    /// The same in one text.
    pub(crate) fn words(&self, at: DateTime<Utc>) -> String {
        let (day, time) = self.read(at);
        format!("{day} {time}")
    }
}

/// The `format` of an `Intl.DateTimeFormat` of the zone. Swedish writes a time as
/// ISO 8601 does.
fn formatter(zone: &str) -> Result<Function, JsValue> {
    let options = Object::new();
    let two = JsValue::from_str("2-digit");
    for (key, value) in [
        ("timeZone", JsValue::from_str(zone)),
        ("year", JsValue::from_str("numeric")),
        ("month", two.clone()),
        ("day", two.clone()),
        ("hour", two.clone()),
        ("minute", two),
    ] {
        Reflect::set(&options, &JsValue::from_str(key), &value)?;
    }
    let intl = Reflect::get(&js_sys::global(), &JsValue::from_str("Intl"))?;
    let class = Reflect::get(&intl, &JsValue::from_str("DateTimeFormat"))?;
    let class = class.dyn_into::<Function>()?;
    let arguments = Array::of2(&JsValue::from_str("sv-SE"), &options);
    // A zone that the browser does not know is an exception here.
    let format = Reflect::construct(&class, &arguments)?;
    Reflect::get(&format, &JsValue::from_str("format"))?.dyn_into()
}
