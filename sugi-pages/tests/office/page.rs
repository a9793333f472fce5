//! Reading what stands on a page.

/// What stands between two marks, everywhere in a text.
pub(crate) fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let parts = text.split(open).skip(1);
    parts
        .filter_map(|part| part.split_once(close))
        .map(|(inner, _)| inner)
        .collect()
}

/// A text without its tags, and with the emails that were escaped.
pub(crate) fn plain(html: &str) -> String {
    let mut text = String::new();
    let html = html.replace("</td>", " ");
    for (n, part) in html.split('<').enumerate() {
        let messages = if n == 0 {
            part
        } else {
            part.split_once('>').map_or("", |(_, messages)| messages)
        };
        text.push_str(messages);
    }
    let text = text
        .replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#34;", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value of an input, if it is there.
pub(crate) fn value(html: &str, name: &str) -> Option<String> {
    let inputs = between(html, "<input", ">");
    let named = inputs
        .into_iter()
        .find(|input| input.contains(&format!("name=\"{name}\"")))?;
    let value = between(named, "value=\"", "\"");
    Some(plain(value.first().copied().unwrap_or_default()))
}

/// The values of the boxes of a name that are ticked.
pub(crate) fn ticked(html: &str, name: &str) -> Vec<String> {
    let inputs = between(html, "<input", ">").into_iter();
    inputs
        .filter(|input| input.contains("checkbox") && input.contains(&format!("name=\"{name}\"")))
        .filter(|input| input.contains(" checked"))
        .map(|input| between(input, "value=\"", "\"")[0].to_owned())
        .collect()
}

/// What the page complains about.
pub(crate) fn problem(html: &str) -> Option<String> {
    let found = between(html, "<p class=\"problem\" role=\"alert\"", "</p>");
    found
        .first()
        .map(|rest| plain(rest.split_once('>').map_or(*rest, |(_, text)| text)))
}
