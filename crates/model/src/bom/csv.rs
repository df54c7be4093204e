use super::BomError;
use crate::Problem;
use crate::input::node::show_text;
use crate::input::table::nearest;
use crate::input::{Content, Node, Problems};

/// A CSV file as the same tree that JSON gives, so that one reader checks both.
pub(super) struct Sheet {
    /// A list of entries. Columns are places: `(line, column number)`.
    pub(super) tree: Node,
    /// Required fields without a column; reported once, not for each row.
    pub(super) missing_fields: Vec<&'static str>,
    /// What is wrong with the header and the shape of rows.
    pub(super) problems: Problems,
}

/// Columns that hold text.
const TEXTS: &[&str] =
    &["id", "name", "category", "material", "notes", "coating_type", "long_axis", "symmetric_pair"];

/// Columns that hold numbers.
const NUMBERS: &[&str] = &[
    "dim_x",
    "dim_y",
    "dim_z",
    "mass",
    "power",
    "quantity",
    "thermal_conductivity",
    "max_temp",
    "min_temp",
    "power_min",
    "power_peak",
    "contact_conductance",
    "contact_conductance_w_m2k",
    "emissivity",
    "absorptivity",
];

/// A column of panel labels separated by `|` or spaces.
const PANELS: &str = "allowed_panels";

/// Columns that must be there, and the field each gives.
const REQUIRED: &[(&str, &str)] = &[
    ("id", "id"),
    ("name", "name"),
    ("dim_x", "dimensions"),
    ("dim_y", "dimensions"),
    ("dim_z", "dimensions"),
    ("mass", "mass"),
    ("power", "power"),
    ("category", "category"),
];

/// Widest sheet that is looked at.
const MAX_COLUMNS: usize = 200;

/// Reads CSV text with a header row.
pub(super) fn parse(text: &str) -> Result<Sheet, BomError> {
    let header_line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter(header_line))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(unreadable)?.clone();
    let mut problems = Problems::new("bom");
    let header_line = headers.position().map_or(1, |position| position.line());
    if headers.iter().all(str::is_empty) {
        return Ok(Sheet { tree: Node::new(Content::List(vec![])), missing_fields: vec![], problems });
    }
    check_header(&headers, header_line, &mut problems);
    let mut missing_fields = Vec::new();
    for (column, field) in REQUIRED {
        if headers.iter().any(|header| header == *column) {
            continue;
        }
        missing_fields.push(*field);
        let mut problem = Problem::error(
            "bom.missing_column",
            format!("缺少必需字段: {column}（CSV表头）"),
            format!("the required column {column} is missing"),
        )
        .on_line(Some((header_line, 1)))
        .found(headers.iter().take(40).collect::<Vec<_>>().join(","), *column);
        if let Some(near) = nearest(column, headers.iter().filter(|header| !is_known(header))) {
            problem = problem.fix(format!("rename the column {near} to {column}"));
        }
        problems.push(problem);
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        // A row of nothing but commas is what a spreadsheet leaves behind.
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = record.position().map_or(0, |position| position.line());
        if record.len() != headers.len() {
            problems.push(
                Problem::error(
                    "bom.csv_row_length",
                    format!("第{line}行有 {} 个单元格，表头有 {} 个", record.len(), headers.len()),
                    format!("line {line} has {} cells, the header has {}", record.len(), headers.len()),
                )
                .at(format!("/{}", rows.len()))
                .on_line(Some((line, record.len().min(headers.len()) as u64)))
                .found(format!("{} cells", record.len()), format!("{} cells", headers.len()))
                .fix("put a text that contains commas in double quotes"),
            );
        }
        rows.push(entry(&headers, &record, line));
        if rows.len() > super::MAX_COMPONENTS {
            // One more than allowed is enough to be refused.
            break;
        }
    }
    Ok(Sheet { tree: Node::new(Content::List(rows)), missing_fields, problems })
}

fn is_known(column: &str) -> bool {
    TEXTS.contains(&column) || NUMBERS.contains(&column) || column == PANELS
}

/// Spreadsheets of some countries write `;`, and a copied table has tabs.
fn delimiter(header_line: &str) -> u8 {
    *[b',', b';', b'\t']
        .iter()
        .max_by_key(|mark| (header_line.bytes().filter(|byte| byte == *mark).count(), **mark == b','))
        .unwrap_or(&b',')
}

fn check_header(headers: &csv::StringRecord, line: u64, problems: &mut Problems) {
    for (at, header) in headers.iter().enumerate().take(MAX_COLUMNS) {
        let repeated = headers.iter().take(at).any(|earlier| earlier == header && !header.is_empty());
        if repeated {
            problems.push(
                Problem::warning(
                    "bom.repeated_key",
                    format!("列 {} 重复，采用最后一列", show_text(header)),
                    format!("the column {} stands there twice, the last one counts", show_text(header)),
                )
                .on_line(Some((line, at as u64 + 1)))
                .found(show_text(header), "each column once"),
            );
        }
        if is_known(header) || header.is_empty() {
            continue;
        }
        let known = TEXTS.iter().chain(NUMBERS).copied().chain([PANELS]);
        let near = nearest(header, known.clone());
        let mut problem = Problem::warning(
            "bom.unknown_key",
            format!("未知列 {} 已忽略", show_text(header)),
            format!("the unknown column {} is ignored", show_text(header)),
        )
        .on_line(Some((line, at as u64 + 1)))
        .found(show_text(header), known.collect::<Vec<_>>().join(", "));
        if let Some(near) = near {
            problem = problem.fix(near);
        }
        problems.push(problem);
    }
}

fn entry(headers: &csv::StringRecord, record: &csv::StringRecord, line: u64) -> Node {
    let place = |column: usize| Some((line, column as u64 + 1));
    let mut fields: Vec<(String, Node)> = Vec::new();
    let mut dimensions: Vec<(String, Node)> = Vec::new();
    for (column, (header, cell)) in headers.iter().zip(record).enumerate().take(MAX_COLUMNS) {
        if cell.is_empty() || !is_known(header) {
            continue;
        }
        let content = if header == PANELS {
            let labels = cell.split(['|', ';', ' ']).map(str::trim).filter(|label| !label.is_empty());
            Content::List(
                labels
                    .map(|label| Node { content: Content::Text(label.to_owned()), place: place(column) })
                    .collect(),
            )
        } else if TEXTS.contains(&header) {
            Content::Text(cell.to_owned())
        } else {
            // Rust's parser also knows "nan" and "inf", which the reader refuses.
            cell.parse().map_or_else(|_| Content::Text(cell.to_owned()), Content::Number)
        };
        let node = Node { content, place: place(column) };
        match header.strip_prefix("dim_") {
            Some(axis) => dimensions.push((axis.to_owned(), node)),
            None => fields.push((header.to_owned(), node)),
        }
    }
    if !dimensions.is_empty() {
        let first = dimensions[0].1.place;
        fields.push(("dimensions".to_owned(), Node { content: Content::Table(dimensions), place: first }));
    }
    Node { content: Content::Table(fields), place: Some((line, 1)) }
}

fn unreadable(error: csv::Error) -> BomError {
    let place = error.position().map(|position| (position.line(), 1));
    let detail = error.to_string();
    BomError::unreadable(
        Problem::error(
            "bom.syntax",
            format!("解析BOM文件失败: {detail}"),
            format!("the BOM cannot be parsed: {detail}"),
        )
        .on_line(place)
        .found(detail, "CSV with a header row"),
    )
}
