//! The style and the script: in the binary, under names that change with their content.

use std::{fmt::Write as _, sync::OnceLock};

use axum::{
    Extension,
    extract::Path,
    response::{IntoResponse as _, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};
use sugi_api::Unaudited;

use crate::error_page::ErrorPage;

/// The style, as browsers get it.
fn style() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| light(include_str!("../assets/style.css")))
}

/// The script, as browsers get it.
fn script() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| light(include_str!("../assets/sugi.js")))
}

/// A text without what only its readers in the repository want: comments that have lines of their own, and the
/// space before lines. Lines stay lines, so nothing else of its meaning changes.
fn light(text: &str) -> String {
    let mut light = String::with_capacity(text.len());
    let mut is_comment = false;
    for line in text.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            light.push_str(line);
            light.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    light
}

/// The address of the style.
pub(crate) fn style_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/assets/{}.css", digest(style())))
}

/// The address of the script.
pub(crate) fn script_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/assets/{}.js", digest(script())))
}

/// Serves them. What has this name never changes, so browsers keep it for good.
pub(crate) async fn get(Path(name): Path<String>) -> Result<Response, ErrorPage> {
    let (kind, text) = match format!("/assets/{name}") {
        path if path == style_path() => ("text/css; charset=utf-8", style()),
        path if path == script_path() => ("text/javascript; charset=utf-8", script()),
        _ => return Err(ErrorPage::NotFound),
    };
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((Extension(Unaudited), headers, text).into_response())
}

fn digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .take(8)
        .fold(String::with_capacity(16), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_at_home_and_nothing_else_does() {
        let text = "/* One,\n   and two. */\n  a { b: c; } /* d */\n\n// Three\n  e(\"// f\");\n";
        assert_eq!(light(text), "a { b: c; } /* d */\ne(\"// f\");\n");
        for (served, own) in [
            (style(), include_str!("../assets/style.css")),
            (script(), include_str!("../assets/sugi.js")),
        ] {
            assert!(served.len() < own.len());
            assert_eq!(served.matches('{').count(), served.matches('}').count());
        }
    }
}
