//! `/docs`: the OpenAPI document as a page to read. Nothing on it comes from elsewhere.

use std::{fmt::Write as _, sync::OnceLock};

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::Value;

use crate::{
    document,
    problem::{Code, Problem},
};

/// The document, for people
#[utoipa::path(
    get, path = "/docs", tag = "service", operation_id = "docs",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn docs() -> Response {
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let document = serde_json::from_slice(&document::json()).unwrap_or_default();
        render(&document).into()
    });
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, page.clone()).into_response()
}

/// What a problem means
///
/// Where the `type` of a problem leads to: its place on the page.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "service", operation_id = "problem",
    params(("code" = Code, Path, description = "A problem's code.")),
    responses(
        (status = 303, description = "It is explained there.", headers(("Location" = String, description = "Where."))),
        (status = 404, description = "There is no such code.",
            body = crate::problem::Body, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn problem(
    code: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Redirect, Problem> {
    let code = code
        .ok()
        .and_then(|Path(text)| Code::ALL.iter().find(|code| code.as_str() == text));
    match code {
        Some(code) => Ok(Redirect::to(&format!("/docs#problem-{}", code.as_str()))),
        None => Err(Problem::new(
            Code::NotFound,
            "there is no problem with this code",
        )),
    }
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:light-dark(#1a1c20,#e8e8ea);--dim:light-dark(#5b616b,#a0a6b0);--line:light-dark(#d9dce1,#383c44);--soft:light-dark(#f4f5f7,#22252b);--accent:light-dark(#0b5fbf,#7db7ff)}
*{box-sizing:border-box}body{margin:0;color:var(--ink);background:light-dark(#fff,#17191d);font:16px/1.55 system-ui,Pretendard,'Apple SD Gothic Neo','Malgun Gothic','Noto Sans KR',sans-serif}
.all{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:78rem;margin:auto}
nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.9rem}
nav a{display:block;padding:.15rem 0;text-decoration:none}main{padding:1.5rem 2rem 6rem}a{color:var(--accent)}
h1{margin:0 0 .5rem}h2{margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}h3{margin:2rem 0 .3rem}h4{margin:1.2rem 0 .3rem;color:var(--dim);font-size:.9rem}
code,pre{font-family:ui-monospace,Consolas,monospace;font-size:.88em}code{overflow-wrap:anywhere}pre{background:var(--soft);border:1px solid var(--line);padding:.8rem 1rem;overflow:auto;border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}th{font-weight:600}
.verb{display:inline-block;min-width:3.6rem;font-weight:700;color:var(--accent)}.rule,.must{color:var(--dim);font-size:.85rem}
@media(max-width:50rem){.all{display:block}nav{position:static;max-height:none;border-right:0;border-bottom:1px solid var(--line)}main{padding:1rem}table{display:block;overflow-x:auto}}";

fn render(document: &Value) -> String {
    let mut nav = String::new();
    let mut main = String::new();
    let info = &document["info"];
    let _ = write!(
        main,
        "<h1>{} <small class=rule>{}</small></h1>{}<p><a href=\"/openapi.json\">openapi.json</a> has all of this for programs.</p>",
        escape(text(&info["title"])),
        escape(text(&info["version"])),
        paragraphs(text(&info["description"])),
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let _ = write!(nav, "<h4>{}</h4>", escape(name));
        let _ = write!(
            main,
            "<h2>{}</h2>{}",
            escape(name),
            paragraphs(text(&tag["description"]))
        );
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    show_operation(&mut nav, &mut main, (path, method, operation), document);
                }
            }
        }
    }
    let _ = write!(
        nav,
        "<h4>reference</h4><a href=\"#problems\">Problems</a><a href=\"#shapes\">Shapes</a>"
    );
    show_problems(&mut main);
    main.push_str("<h2 id=shapes>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let _ = write!(
            main,
            "<h3 id=\"shape-{0}\">{0}</h3>{1}",
            escape(name),
            paragraphs(text(&schema["description"]))
        );
        show_schema(&mut main, schema);
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>sugi API</title><style>{STYLE}</style><div class=all><nav aria-label=Contents>{nav}</nav><main>{main}</main></div></html>"
    )
}

fn show_operation(
    nav: &mut String,
    main: &mut String,
    (path, method, operation): (&str, &str, &Value),
    document: &Value,
) {
    let (id, verb) = (
        escape(text(&operation["operationId"])),
        method.to_uppercase(),
    );
    let (path, summary) = (escape(path), escape(text(&operation["summary"])));
    let _ = write!(nav, "<a href=\"#{id}\">{summary}</a>");
    let _ = write!(
        main,
        "<h3 id=\"{id}\">{summary}</h3><p><code><span class=verb>{verb}</span> {path}</code></p>{}",
        paragraphs(text(&operation["description"])),
    );
    if let Some(scope) = operation["security"][0]["api_key"][0].as_str() {
        let _ = write!(
            main,
            "<p class=rule>Needs an API key with the scope <code>{}</code>.</p>",
            escape(scope)
        );
    }
    if let Some(parameters) = operation["parameters"].as_array() {
        main.push_str("<h4>Parameters</h4><table><tr><th>Name<th>In<th>What</tr>");
        for parameter in parameters {
            let _ = write!(
                main,
                "<tr><td><code>{}</code>{}<td>{}<td>{} {}</tr>",
                escape(text(&parameter["name"])),
                must(parameter["required"] == true),
                escape(text(&parameter["in"])),
                inline(text(&parameter["description"])),
                rules(&parameter["schema"]),
            );
        }
        main.push_str("</table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = write!(main, "<h4>Body</h4><p>{}</p>", kind(body));
        let named = body["$ref"]
            .as_str()
            .and_then(|path| document.pointer(path.strip_prefix('#')?));
        show_example(main, named.unwrap_or(body));
    }
    main.push_str("<h4>Answers</h4><table>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let content = response["content"]
            .as_object()
            .and_then(|content| content.values().next());
        let shape = content
            .map(|content| kind(&content["schema"]))
            .unwrap_or_default();
        let _ = write!(
            main,
            "<tr><td><code>{status}</code><td>{}<td>{shape}</tr>",
            inline(text(&response["description"]))
        );
    }
    main.push_str("</table>");
}

fn show_problems(main: &mut String) {
    main.push_str(
        "<h2 id=problems>Problems</h2><table><tr><th>Code<th>Status<th>What<th>What to do</tr>",
    );
    for code in Code::ALL {
        let _ = write!(
            main,
            "<tr id=\"problem-{0}\"><td><code>{0}</code><td>{1}<td>{2}<td>{3}</tr>",
            code.as_str(),
            code.status().as_u16(),
            escape(code.title()),
            escape(code.next()),
        );
    }
    main.push_str("</table>");
}

fn show_schema(main: &mut String, schema: &Value) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let _ = write!(main, "<p>{}</p>", kind(part));
        show_schema(main, part);
    }
    if let Some(wording) = schema["enum"].as_array() {
        let wording: Vec<_> = wording
            .iter()
            .map(|word| format!("<code>{}</code>", escape(text(word))))
            .collect();
        let _ = write!(main, "<p>{}</p>", wording.join(" "));
    }
    if let Some(fields) = schema["properties"].as_object() {
        main.push_str("<table><tr><th>Field<th>Type<th>What</tr>");
        for (name, field) in fields {
            let required = schema["required"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one == name));
            let _ = write!(
                main,
                "<tr><td><code>{}</code>{}<td>{}<td>{} {}</tr>",
                escape(name),
                must(required),
                kind(field),
                inline(text(&field["description"])),
                rules(field),
            );
        }
        main.push_str("</table>");
    }
    show_example(main, schema);
}

fn show_example(main: &mut String, schema: &Value) {
    if !schema["example"].is_null() {
        let example = serde_json::to_string_pretty(&schema["example"]).unwrap_or_default();
        let _ = write!(main, "<pre>{}</pre>", escape(&example));
    }
}

fn must(required: bool) -> &'static str {
    if required {
        " <span class=must>required</span>"
    } else {
        ""
    }
}

/// A schema's type, with a link where it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return format!("<a href=\"#shape-{0}\">{0}</a>", escape(name));
    }
    if let Some(either) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let kinds: Vec<_> = either
            .iter()
            .filter(|one| one["type"] != "null")
            .map(kind)
            .collect();
        return kinds.join(" or ");
    }
    let word = match &schema["type"] {
        Value::Array(wording) => wording
            .iter()
            .map(text)
            .find(|word| *word != "null")
            .unwrap_or_default(),
        word => text(word),
    };
    match word {
        "array" => format!("list of {}", kind(&schema["items"])),
        word => escape(word),
    }
}

/// A schema's rules in a few words.
fn rules(schema: &Value) -> String {
    let mut rules = Vec::new();
    for (name, word) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "at least as many characters:"),
        ("maxLength", "at most as many characters:"),
        ("pattern", "matches"),
        ("format", ""),
        ("example", "such as"),
    ] {
        if let Some(value) = schema.get(name).filter(|value| !value.is_object()) {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            rules.push(format!("{word} <code>{}</code>", escape(&value)));
        }
    }
    if let Some(wording) = schema["enum"].as_array() {
        rules.push(
            wording
                .iter()
                .map(|word| format!("<code>{}</code>", escape(text(word))))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    if rules.is_empty() {
        String::new()
    } else {
        format!("<div class=rule>{}</div>", rules.join("; "))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Text with `code` in it.
fn inline(text: &str) -> String {
    let parts = escape(text);
    let parts = parts.split('`').enumerate();
    parts
        .map(|(at, part)| {
            if at % 2 == 1 {
                format!("<code>{part}</code>")
            } else {
                part.to_owned()
            }
        })
        .collect()
}

fn paragraphs(text: &str) -> String {
    let parts = text.split("\n\n").filter(|part| !part.is_empty());
    parts.fold(String::new(), |all, part| {
        all + "<p>" + &inline(part) + "</p>"
    })
}
