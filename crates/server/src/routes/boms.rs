//! `/api/boms` and `/api/bom/validate`: what can be optimized, and whether a
//! BOM is sound.

use std::collections::HashMap;
use std::path::Path;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use model::{Bom, BomError, BomFormat, Checked, Language, Problem};
use serde_json::{Value, json};

use crate::intake;
use crate::paths::{BOMS, Paths};
use crate::problem::ApiError;
use crate::request::{RawBody, blocking, language, shown, without_mark};
use crate::state::AppState;

/// `GET /api/boms`: the examples, then what was uploaded.
pub(crate) async fn list(State(state): State<AppState>, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    let texts = language(&headers, Language::Zh);
    let paths = state.paths().clone();
    let limit = state.settings().limits.uploaded_boms;
    let boms = blocking(move || {
        let mut boms: Vec<Value> = Vec::new();
        for example in model::examples::EXAMPLES {
            let (name, description) = match texts {
                Language::Zh => (example.name_zh, example.description_zh),
                Language::En => (example.name_en, example.description_en),
            };
            if let Some(mut item) = list_item(example.path, example.text.as_bytes(), "example") {
                item["name"] = name.into();
                item["description"] = description.into();
                boms.push(item);
            }
        }
        for name in uploaded(&paths).into_iter().take(limit) {
            let bom_file = format!("{BOMS}/{name}");
            if let Ok(bytes) = intake::file(&paths, &bom_file) {
                boms.extend(list_item(&bom_file, &bytes, "upload"));
            }
        }
        boms
    })
    .await?;
    Ok(Json(json!({ "boms": boms })))
}

/// One line of the list; none for a file that cannot be understood.
fn list_item(bom_file: &str, bytes: &[u8], source: &str) -> Option<Value> {
    let format = BomFormat::from_file_name(bom_file).ok()?;
    let file_name = bom_file.rsplit('/').next().unwrap_or(bom_file);
    let mut item = json!({
        "bom_file": bom_file,
        "name": file_name,
        "description": null,
        "total_mass": null,
        "total_power": null,
        "valid": false,
        "source": source,
    });
    match model::parse_bom(bytes, format) {
        Ok(Checked { value: bom, .. }) => {
            item["name"] = bom.scenario_id.as_deref().unwrap_or(file_name).into();
            item["description"] = bom.description.clone().into();
            item["num_components"] = bom.num_components().into();
            item["total_mass"] = bom.total_mass_kg().into();
            item["total_power"] = bom.total_power_w().into();
            item["valid"] = true.into();
        }
        Err(error) if error.is_unreadable() => return None,
        Err(error) => item["num_components"] = error.entries().len().into(),
    }
    Some(item)
}

/// `POST /api/boms?filename=x.csv`: keeps the body as a BOM file.
pub(crate) async fn upload(
    State(state): State<AppState>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let texts = language(&headers, Language::Zh);
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (stem, format) = match query.get("filename") {
        Some(name) => {
            let format = intake::format_of(name).map_err(|error| intake::bom_refused(error, texts))?;
            (stem(name), format)
        }
        None => match BomFormat::from_content_type(content_type) {
            Some(format) => ("bom".to_owned(), format),
            None => {
                return Err(ApiError::bad_request(
                    "bom.format_required",
                    "the format is not known: add ?filename=NAME.json|csv|yaml or send Content-Type application/json, text/csv or application/yaml",
                ));
            }
        },
    };
    let paths = state.paths().clone();
    let limit = state.settings().limits.uploaded_boms;
    let answer = blocking(move || {
        let verdict = verdict(&paths, model::parse_bom(&body, format), texts)?;
        if uploaded(&paths).len() >= limit {
            return Err(ApiError::uploads_full(limit, BOMS));
        }
        let name = keep(&paths.boms_dir(), &stem, format.word(), &body).map_err(ApiError::internal)?;
        let mut answer = json!({ "bom_file": format!("{BOMS}/{name}") });
        merge(&mut answer, verdict);
        Ok(answer)
    })
    .await??;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `POST /api/bom/validate` with `{"bom_file": ...}` or `{"bom": ...}`.
pub(crate) async fn validate(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Value>, ApiError> {
    let texts = language(&headers, Language::Zh);
    let paths = state.paths().clone();
    let answer = blocking(move || {
        let request: Value = serde_json::from_slice(without_mark(&body)).map_err(|error| {
            let problem = Problem::error(
                "request.invalid_json",
                "请求体不是有效的JSON",
                "the request body is not JSON",
            )
            .on_line(Some((error.line() as u64, error.column() as u64)))
            .found(error.to_string(), "{\"bom_file\": \"...\"}");
            ApiError::bad_request("bom_file_required", "bom_file is required").with_problems(vec![problem])
        })?;
        if let Some(bom) = request.get("bom").filter(|bom| !bom.is_null()) {
            return verdict(&paths, model::bom_from_value(bom), texts);
        }
        let name = match request.get("bom_file") {
            Some(Value::String(name)) if !name.is_empty() => name,
            None | Some(Value::Null | Value::String(_)) => {
                return Err(ApiError::bad_request("bom_file_required", "bom_file is required"));
            }
            Some(other) => {
                let problem = Problem::error(
                    "request.wrong_type",
                    "bom_file 必须是字符串",
                    "bom_file must be a string",
                )
                .at("/bom_file")
                .found(shown(&other.to_string()), "a path");
                return Err(ApiError::bad_request("request.invalid", "bom_file must be a string")
                    .with_problems(vec![problem]));
            }
        };
        let format = intake::format_of(name).map_err(|error| intake::bom_refused(error, texts))?;
        let bytes = intake::file(&paths, name).map_err(|error| intake::bom_refused(error, texts))?;
        verdict(&paths, model::parse_bom(&bytes, format), texts)
    })
    .await??;
    Ok(Json(answer))
}

/// What is said about a BOM that could be understood; one that could not is
/// refused. It is also tried on the default configuration, where a unit that is
/// longer than the envelope shows.
fn verdict(
    paths: &Paths,
    parsed: Result<Checked<Bom>, BomError>,
    texts: Language,
) -> Result<Value, ApiError> {
    match parsed.and_then(|bom| intake::tried(paths, bom)) {
        Ok(Checked { value: bom, warnings }) => Ok(json!({
            "valid": true,
            "num_components": bom.entries.len(),
            "num_units": bom.num_components(),
            "total_mass": bom.total_mass_kg(),
            "total_power": bom.total_power_w(),
            "errors": [],
            "components": bom.summaries(),
            "problems": warnings,
        })),
        Err(error) if error.is_unreadable() => Err(intake::bom_refused(error, texts)),
        Err(error) => Ok(json!({
            "valid": false,
            "num_components": error.entries().len(),
            "errors": error.errors(texts),
            "components": error.entries(),
            "problems": error.problems(),
        })),
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// Names of the uploaded files, in order. Blocks.
fn uploaded(paths: &Paths) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(paths.boms_dir()) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| BomFormat::from_file_name(name).is_ok())
        .collect();
    names.sort_unstable();
    names
}

/// A client's file name without its directories and extension, and without
/// anything that means something to a file system.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let safe: String = stem
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .take(48)
        .collect();
    let safe = safe.trim_matches('_');
    if safe.is_empty() { "bom".to_owned() } else { safe.to_owned() }
}

/// Writes a file under a name of its own; one with the same content is reused.
/// Blocks.
fn keep(dir: &Path, stem: &str, extension: &str, bytes: &[u8]) -> std::io::Result<String> {
    std::fs::create_dir_all(dir)?;
    for number in 1.. {
        let name =
            if number == 1 { format!("{stem}.{extension}") } else { format!("{stem}-{number}.{extension}") };
        let path = dir.join(&name);
        if let Ok(metadata) = std::fs::metadata(&path) {
            if metadata.len() == bytes.len() as u64 && std::fs::read(&path)? == bytes {
                return Ok(name);
            }
            continue;
        }
        // Whole or not at all: written beside, then linked to its name, which
        // fails when somebody else took it meanwhile.
        let partial = dir.join(format!(".{}.partial", uuid::Uuid::now_v7().simple()));
        std::fs::write(&partial, bytes)?;
        let linked = std::fs::hard_link(&partial, &path);
        std::fs::remove_file(&partial)?;
        match linked {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::other("no name is left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_file_name_leads_nowhere() {
        let cases = [
            ("my bom.json", "my_bom"),
            ("../../etc/passwd.csv", "passwd"),
            ("C:\\boms\\a.b.yaml", "a_b"),
            ("卫星.json", "卫星"),
            ("...json", "bom"),
            ("\u{0}.json", "bom"),
        ];
        for (name, expected) in cases {
            assert_eq!(stem(name), expected, "{name}");
        }
        assert_eq!(stem(&format!("{}.json", "x".repeat(500))).len(), 48);
    }

    #[test]
    fn an_upload_neither_replaces_nor_repeats_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let keep = |bytes: &[u8]| keep(dir.path(), "a", "json", bytes).expect("written");
        assert_eq!(keep(b"one"), "a.json");
        assert_eq!(keep(b"two"), "a-2.json");
        assert_eq!(keep(b"one"), "a.json");
        assert_eq!(keep(b"two"), "a-2.json");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 2);
    }
}
