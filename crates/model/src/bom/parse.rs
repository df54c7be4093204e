use serde::{Deserialize, Serialize};

use super::{Bom, BomFormat, MAX_BOM_BYTES, MAX_COMPONENTS, checks, csv, entry, sections};
use crate::input::node::show_text;
use crate::input::{Content, Node, Place, Problems, Subject, Table, json, yaml};
use crate::{Checked, Language, Problem};

/// Why there is no BOM.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BomError {
    /// The text could not be understood at all: wrong format, broken syntax,
    /// too large, no list of components.
    #[error("{}", .0.message_en)]
    Unreadable(Box<Problem>),
    /// The text was understood and says something impossible.
    #[error("BOM validation failed: {}", texts(.problems, Language::En).join("; "))]
    Invalid {
        /// The entries as far as they could be read.
        entries: Vec<EntrySummary>,
        /// Everything that is wrong, errors first.
        problems: Vec<Problem>,
    },
}

/// What a list shows of one entry; also of one with errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntrySummary {
    /// Id as written.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Mass of one unit, kg; any finite number that stands there.
    pub mass: Option<f64>,
    /// Power of one unit, W.
    pub power: Option<f64>,
    /// Category.
    pub category: Option<String>,
}

impl BomError {
    /// An input that cannot be understood because of one problem.
    pub fn unreadable(problem: Problem) -> BomError {
        BomError::Unreadable(Box::new(problem))
    }

    /// Whether the input could not be understood at all.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, BomError::Unreadable(_))
    }

    /// Everything that is wrong, errors first.
    pub fn problems(&self) -> &[Problem] {
        match self {
            BomError::Unreadable(problem) => std::slice::from_ref(&**problem),
            BomError::Invalid { problems, .. } => problems,
        }
    }

    /// The entries as far as they could be read.
    pub fn entries(&self) -> &[EntrySummary] {
        match self {
            BomError::Unreadable(_) => &[],
            BomError::Invalid { entries, .. } => entries,
        }
    }

    /// The sentences of the errors, without the warnings.
    pub fn errors(&self, language: Language) -> Vec<String> {
        texts(self.problems(), language)
    }

    /// One sentence about all of it.
    pub fn summary(&self, language: Language) -> String {
        match (self, language) {
            (BomError::Unreadable(problem), _) => problem.text(language).to_owned(),
            (BomError::Invalid { .. }, Language::En) => self.to_string(),
            (BomError::Invalid { .. }, Language::Zh) => {
                format!("BOM验证失败: {}", self.errors(language).join("; "))
            }
        }
    }
}

fn texts(problems: &[Problem], language: Language) -> Vec<String> {
    problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(|problem| problem.text(language).to_owned())
        .collect()
}

impl Bom {
    /// What a list shows of the entries.
    pub fn summaries(&self) -> Vec<EntrySummary> {
        self.entries
            .iter()
            .map(|entry| EntrySummary {
                id: Some(entry.id.clone()),
                name: Some(entry.name.clone()),
                mass: Some(entry.mass_kg),
                power: Some(entry.power_w),
                category: Some(entry.category.clone()),
            })
            .collect()
    }
}

/// Reads a BOM file's bytes. A UTF-8 byte order mark is skipped.
pub fn parse_bom(bytes: &[u8], format: BomFormat) -> Result<Checked<Bom>, BomError> {
    let text = text_of(bytes)?;
    match format {
        BomFormat::Json => {
            let tree = json::parse(text).map_err(|(detail, place)| syntax("JSON格式错误", &detail, place))?;
            read(&tree, format, &[], Problems::new("bom"))
        }
        BomFormat::Yaml => {
            let tree =
                yaml::parse(text).map_err(|(detail, place)| syntax("解析BOM文件失败", &detail, place))?;
            read(&tree, format, &[], Problems::new("bom"))
        }
        BomFormat::Csv => {
            let sheet = csv::parse(text)?;
            read(&sheet.tree, format, &sheet.missing_fields, sheet.problems)
        }
    }
}

/// Reads a BOM that came inside a request: a list of entries, or an object
/// with `components`.
pub fn bom_from_value(value: &serde_json::Value) -> Result<Checked<Bom>, BomError> {
    read(&Node::from(value), BomFormat::Json, &[], Problems::new("bom"))
}

/// The answer when a named file does not exist.
pub fn file_missing(path: &str) -> BomError {
    BomError::unreadable(
        Problem::error(
            "bom.file_missing",
            format!("BOM文件不存在: {path}"),
            format!("BOM file not found: {path}"),
        )
        .found(show_text(path), "an existing .json, .csv, .yaml or .yml file"),
    )
}

fn text_of(bytes: &[u8]) -> Result<&str, BomError> {
    if bytes.len() > MAX_BOM_BYTES {
        return Err(BomError::unreadable(
            Problem::error(
                "bom.too_large",
                format!("解析BOM文件失败: 文件过大，最多 {MAX_BOM_BYTES} 字节"),
                format!("the BOM file is too large, at most {MAX_BOM_BYTES} bytes"),
            )
            .found(format!("{} bytes", bytes.len()), format!("<= {MAX_BOM_BYTES} bytes")),
        ));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        BomError::unreadable(
            Problem::error(
                "bom.not_utf8",
                "解析BOM文件失败: 文件不是UTF-8编码",
                "the BOM file is not UTF-8 text",
            )
            .on_line(Some((line, 1)))
            .found(format!("invalid byte at offset {}", error.valid_up_to()), "UTF-8 text")
            .fix("save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")"),
        )
    })
}

fn syntax(start_zh: &str, detail: &str, place: Place) -> BomError {
    let at_zh = place.map(|(line, column)| format!("（第{line}行第{column}列）")).unwrap_or_default();
    let at_en = place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default();
    BomError::unreadable(
        Problem::error(
            "bom.syntax",
            format!("{start_zh}: {detail}{at_zh}"),
            format!("the BOM cannot be parsed: {detail}{at_en}"),
        )
        .on_line(place)
        .found(detail, "well-formed text of the file's format"),
    )
}

fn read(
    tree: &Node,
    format: BomFormat,
    missing_fields: &[&str],
    mut problems: Problems,
) -> Result<Checked<Bom>, BomError> {
    let (items, pointer, whole) = match &tree.content {
        Content::List(items) => (items, String::new(), None),
        _ => match tree.get("components").map(|node| &node.content) {
            Some(Content::List(items)) => (items, "/components".to_owned(), Some(tree)),
            _ => return Err(no_components(tree, format)),
        },
    };
    let mut bom = Bom::default();
    let summaries: Vec<EntrySummary> = items.iter().take(MAX_COMPONENTS).map(summary).collect();
    if items.is_empty() {
        problems.push(
            Problem::error("bom.empty", "组件列表为空", "the list of components is empty")
                .at(pointer.clone())
                .on_line(tree.place)
                .found("no component", format!("1 to {MAX_COMPONENTS} components")),
        );
    } else if items.len() > MAX_COMPONENTS {
        problems.push(checks::too_many(items.len(), &pointer));
    } else {
        for (at, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            if let Some(entry) = entry::read(item, pointer, at + 1, missing_fields, &mut problems) {
                bom.entries.push(entry);
                bom.entry_places.push(item.place);
            }
        }
        checks::ids(&pointer, items, &mut problems);
        if let Some(whole) = whole {
            let subject = Subject { zh: String::new(), en: String::new(), id: None };
            if let Some(table) = Table::open(whole, "", subject, &mut problems) {
                sections::read(&table, &mut bom, &mut problems);
            }
        }
        // References and totals mean something only for entries that stand.
        if bom.entries.len() == items.len() {
            checks::quantities(&bom, &pointer, &mut problems);
            checks::references(&bom, &pointer, &mut problems);
        }
    }
    problems.locate(tree);
    match problems.finish() {
        Ok(warnings) => Ok(Checked { value: bom, warnings }),
        Err(problems) => Err(BomError::Invalid { entries: summaries, problems }),
    }
}

fn no_components(tree: &Node, format: BomFormat) -> BomError {
    let name = if format == BomFormat::Json { "JSON" } else { "YAML" };
    let mut problem = Problem::error(
        "bom.no_components",
        format!("{name}格式错误：需要components数组或直接数组"),
        "the BOM must be a list of components or an object with the list \"components\"",
    )
    .on_line(tree.place)
    .found(tree.shown(), "[...] or {\"components\": [...]}");
    if let Content::Table(fields) = &tree.content {
        let keys = fields.iter().take(MAX_COMPONENTS).map(|(key, _)| key.as_str());
        if let Some(node) = tree.get("components") {
            problem = problem.at("/components").on_line(node.place).found(node.shown(), "a list");
        } else if let Some(near) =
            keys.filter(|key| crate::input::table::nearest(key, ["components"].into_iter()).is_some()).max()
        {
            problem = problem.at(format!("/{}", crate::input::table::escape(near))).fix("components");
        }
    }
    BomError::unreadable(problem)
}

fn summary(item: &Node) -> EntrySummary {
    let text = |key| match item.get(key).map(|node| &node.content) {
        Some(Content::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let number = |key| match item.get(key).map(|node| &node.content) {
        Some(Content::Number(value)) if value.is_finite() => Some(*value),
        _ => None,
    };
    EntrySummary {
        id: text("id"),
        name: text("name"),
        mass: number("mass"),
        power: number("power"),
        category: text("category"),
    }
}
