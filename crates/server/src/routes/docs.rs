//! `/api/openapi.json` and `/docs`, the same document for people. Works
//! offline and without scripts.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde_json::{Map, Value};

use crate::request::json_text;

const DOCUMENT: &str = include_str!("../../../../protocol/openapi.json");
const STYLE: &str = include_str!("../../assets/docs.css");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    // The document is part of the program and read by a test.
    render(&serde_json::from_str(DOCUMENT).unwrap_or_default())
});

/// The OpenAPI document.
pub(crate) async fn openapi() -> impl IntoResponse {
    json_text(DOCUMENT)
}

/// The document as a page.
pub(crate) async fn page() -> Html<&'static str> {
    Html(PAGE.as_str())
}

/// Its style.
pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

fn render(document: &Value) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>MsGalaxy API</title><link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><main>",
    );
    let info = &document["info"];
    let _ = write!(page, "<h1>{} API <small>{}</small></h1>", text(&info["title"]), text(&info["version"]));
    let _ = write!(page, "<p>{}</p>", prose(&info["description"]));
    page.push_str(
        "<p><a href=\"/api/openapi.json\">openapi.json</a> &middot; <a href=\"/\">MsGalaxy</a></p>",
    );
    for tag in list(&document["tags"]) {
        let _ = write!(page, "<h2>{}</h2><p>{}</p>", text(&tag["name"]), prose(&tag["description"]));
        for (path, item) in table(&document["paths"]) {
            for (method, operation) in
                table(item).filter(|(_, operation)| operation["tags"][0] == tag["name"])
            {
                render_operation(&mut page, path, method, operation);
            }
        }
    }
    page.push_str("<h2>Schemas</h2>");
    for (name, schema) in table(&document["components"]["schemas"]) {
        let _ = write!(page, "<section id=\"{name}\"><h3>{name}</h3>", name = escape(name));
        let _ = write!(page, "<p>{}</p>", prose(&schema["description"]));
        render_properties(&mut page, schema);
        page.push_str("</section>");
    }
    page.push_str("</main></body></html>");
    page
}

fn render_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        page,
        "<section><h3><span class=\"method {method}\">{}</span> <code>{}</code></h3><p>{}</p>",
        method.to_uppercase(),
        escape(path),
        prose(&operation["summary"]),
        method = escape(method),
    );
    if operation["description"].is_string() {
        let _ = write!(page, "<p>{}</p>", prose(&operation["description"]));
    }
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        page.push_str("<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>");
        for parameter in parameters {
            let _ = write!(
                page,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                kind(&parameter["schema"]),
                prose(&parameter["description"])
            );
        }
        page.push_str("</table>");
    }
    for (media_type, body) in table(&operation["requestBody"]["content"]) {
        let _ = write!(page, "<p>Body <code>{}</code>: {}</p>", escape(media_type), kind(&body["schema"]));
        if body["schema"]["properties"].is_object() {
            render_properties(page, &body["schema"]);
        }
        if !body["example"].is_null() {
            let _ = write!(page, "<pre>{}</pre>", escape(&body["example"].to_string()));
        }
    }
    page.push_str("<table><tr><th>answer</th><th></th><th></th></tr>");
    for (status, response) in table(&operation["responses"]) {
        let schema =
            table(&response["content"]).next().map_or(&Value::Null, |(_, content)| &content["schema"]);
        let _ = write!(
            page,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(status),
            kind(schema),
            prose(&response["description"])
        );
    }
    page.push_str("</table></section>");
}

fn render_properties(page: &mut String, schema: &Value) {
    let mut rows = table(&schema["properties"]).peekable();
    if rows.peek().is_none() {
        let _ = write!(page, "<p>{}</p>", kind(schema));
        return;
    }
    page.push_str("<table><tr><th>key</th><th>type</th><th></th></tr>");
    for (name, property) in rows {
        let _ = write!(
            page,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(name),
            kind(property),
            prose(&property["description"])
        );
    }
    page.push_str("</table>");
}

/// A schema in a few words, linked where it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>", name = escape(name));
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escape(&value.to_string()));
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| format!("<code>{}</code>", text(value)))
            .collect::<Vec<_>>()
            .join(" | ");
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" | ");
    }
    let mut words = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" | "),
        plain => text(plain),
    };
    if schema["type"] == "array" {
        words = format!("list of {}", kind(&schema["items"]));
    }
    let bounds = (schema["minimum"].as_number(), schema["maximum"].as_number());
    match bounds {
        (Some(low), Some(high)) => words.push_str(&format!(", {low} to {high}")),
        (Some(low), None) => words.push_str(&format!(", at least {low}")),
        _ => {}
    }
    if let Some(default) = schema.get("default") {
        words.push_str(&format!(", default {}", escape(&default.to_string())));
    }
    words
}

fn table(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

/// Text with `code` between backticks.
fn prose(value: &Value) -> String {
    let mut html = String::new();
    for (index, piece) in value.as_str().unwrap_or_default().split('`').enumerate() {
        let piece = escape(piece);
        html.push_str(&if index % 2 == 1 { format!("<code>{piece}</code>") } else { piece });
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_schema_is_on_the_page() {
        let document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON");
        for (path, item) in table(&document["paths"]) {
            assert!(PAGE.contains(path.as_str()), "{path}");
            for (_, operation) in table(item) {
                assert!(PAGE.contains(&prose(&operation["summary"])), "{path}");
            }
        }
        for (name, _) in table(&document["components"]["schemas"]) {
            assert!(PAGE.contains(&format!("id=\"{name}\"")), "{name}");
        }
        assert!(!PAGE.contains("<script"));
    }

    #[test]
    fn nothing_in_the_document_becomes_markup() {
        assert_eq!(prose(&Value::from("a <b> `c & d`")), "a &lt;b&gt; <code>c &amp; d</code>");
    }
}
