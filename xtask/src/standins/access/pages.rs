//! The two pages of the issuer. No script, no picture, nothing fetched.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Person;

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:30rem;margin:8vh auto;padding:0 1rem}\
.note{border:2px dashed;border-radius:.5rem;padding:.5rem .75rem}\
button{display:block;width:100%;text-align:left;font:inherit;padding:.6rem .75rem;margin:.5rem 0;\
border:1px solid;border-radius:.5rem;background:transparent;color:inherit;cursor:pointer}\
button:hover{background:color-mix(in srgb,currentColor 10%,transparent)}\
button small{display:block}\
input{width:100%;box-sizing:border-box;font:inherit;padding:.6rem .75rem;border:1px solid;border-radius:.5rem}";

/// Pick a person, or type an address.
pub(super) fn sign_in(host: &str, target: &str, form_token: &str, people: &[Person]) -> Markup {
    frame(
        "Sign in",
        &html! {
            p { "to " strong { (host) } ", and then to " (target) }
            form method="post" {
                input type="hidden" name="form_token" value=(form_token);
                h2 { "As one of these" }
                @for person in people {
                    button name="person" value=(person.email) { (person.email) small { (person.about) } }
                }
            }
            form method="post" {
                input type="hidden" name="form_token" value=(form_token);
                h2 { "As somebody else" }
                label for="email" { "E-mail address" }
                input id="email" name="email" type="email" required autocomplete="off";
                button { "Sign in" }
            }
        },
    )
}

/// Something to read.
pub(super) fn notice(text: &str) -> Markup {
    frame("Sign-in", &html! { p { (text) } })
}

fn frame(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · local stand-in for Cloudflare Access" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p.note {
                        "This is a local stand-in for Cloudflare Access. It asks for no password "
                        "and signs you in as whoever you say you are; its tokens are good for this "
                        "installation alone."
                    }
                    (content)
                }
            }
        }
    }
}
