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

use crate::trouble::Trouble;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/sugi.js");

/// The address of the style.
pub(crate) fn style_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/assets/{}.css", digest(STYLE)))
}

/// The address of the script.
pub(crate) fn script_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/assets/{}.js", digest(SCRIPT)))
}

/// Serves them. What has this name never changes, so browsers keep it for good.
pub(crate) async fn get(Path(name): Path<String>) -> Result<Response, Trouble> {
    let (kind, text) = match format!("/assets/{name}") {
        path if path == style_path() => ("text/css; charset=utf-8", STYLE),
        path if path == script_path() => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return Err(Trouble::NotFound),
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
