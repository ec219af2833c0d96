//! A review as one page that needs nothing but itself: no network, no script to be read, any width, light and dark.
//!
//! The template quotes every text; the policy of the page lets the browser run its own script and style and load nothing
//! at all, so that even a text that were not quoted could do nothing.

mod hosts;
mod sides;
#[cfg(test)]
mod tests;
mod view;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use sha2::{Digest as _, Sha256};

use super::{Review, picture};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the usual signs are valid"));
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.add_template("page", include_str!("page.html.j2")).expect("the template is valid");
    env
});

/// Renders a review as a page.
pub fn render(review: &Review) -> String {
    let style = format!("\n{STYLE}{}", picture::STYLE);
    let script = format!("\n{SCRIPT}");
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(&style),
        source(&script)
    );
    let safe = minijinja::Value::from_safe_string;
    let page = view::Page::of(review);
    let values = context! { page => Serde(&page), policy, style => safe(style), script => safe(script) };
    let template = TEMPLATES.get_template("page").expect("it was added");
    template.render(values).expect("the template names only what it is given") + "\n"
}

/// Returns a text's name in a content security policy.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}
