//! Whether a page is whole: every tag closed in its order, every attribute quoted, no name twice.
//! Browsers forgive all of it, and then show something else than what was meant.

use std::collections::HashSet;

/// Tags that have no end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// What is wrong with a page.
pub(crate) fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut open, mut names) = (Vec::new(), HashSet::new());
    let mut rest = page.strip_prefix("<!doctype html>").unwrap_or_else(|| {
        faults.push("no doctype".into());
        page
    });
    let is_blank = |text: &str| text.contains("{}") || text.contains("{{");
    while let Some((text, after)) = rest.split_once('<') {
        if is_blank(text) {
            faults.push(format!("a blank that nobody filled: {text}"));
        }
        let Some((tag, after)) = tag_of(after) else {
            faults.push(format!("a tag without end: {after:.60}"));
            break;
        };
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                faults.push(format!("</{name}> closes {last:?}"));
            }
            continue;
        }
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        for (attribute, value) in attributes_of(attributes, &mut faults) {
            // The policy of the pages lets none of it work.
            if attribute == "style" || attribute.starts_with("on") {
                faults.push(format!("{attribute} in <{tag}>"));
            }
            // Data can be a text that the script fills.
            if is_blank(value) && !attribute.starts_with("data-") {
                faults.push(format!("a blank that nobody filled: {value}"));
            }
            if attribute == "id" && !names.insert(value.to_owned()) {
                faults.push(format!("the id {value} twice"));
            }
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    faults.extend(open.iter().map(|name| format!("<{name}> is not closed")));
    faults
}

/// A tag's inside and what follows it; a quoted value may hold `>`.
fn tag_of(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        c == '>' && !quoted
    })?;
    Some((&text[..end], &text[end + 1..]))
}

fn attributes_of<'a>(text: &'a str, faults: &mut Vec<String>) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut rest = text.trim().trim_end_matches('/');
    while !rest.is_empty() {
        let end = rest.find([' ', '\n', '=']).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let Some((quoted, after)) = after.strip_prefix('"').and_then(|it| it.split_once('"'))
            else {
                faults.push(format!("{name} has no quotes in <{text}>"));
                break;
            };
            (value, rest) = (quoted, after);
        }
        found.push((name, value));
        rest = rest.trim_start();
    }
    found
}

#[test]
fn what_is_wrong_with_a_page_is_seen() {
    let page = |inside: &str| format!("<!doctype html><html>{inside}</html>");
    assert_eq!(
        faults(&page("<p id=\"a\" title=\"x > y\">1 <br> 2</p>")),
        [""; 0]
    );
    for inside in [
        "<p>",
        "</p>",
        "<b><i></b></i>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<p id=a></p>",
        "<p style=\"color:red\"></p>",
        "<img src=\"x\" onerror=\"alert(1)\">",
        "{}",
        "<p",
    ] {
        assert!(!faults(&page(inside)).is_empty(), "{inside}");
    }
}
