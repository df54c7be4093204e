use super::{BomEntry, MAX_COMPONENTS, MAX_ID_CHARS, checks, extras};
use crate::file_units::{k_from_c, m_from_mm};
use crate::input::node::{show_number, show_text};
use crate::input::table::nearest;
use crate::input::{Content, Node, Number, Problems, Subject, Table};
use crate::{Problem, Vec3};

/// Every key of an entry. What is not here is reported as unknown.
const KEYS: &[&str] = &[
    "id",
    "name",
    "dimensions",
    "mass",
    "power",
    "category",
    "quantity",
    "material",
    "thermal_conductivity",
    "max_temp",
    "notes",
    "min_temp",
    "power_min",
    "power_peak",
    "allowed_panels",
    "contact_conductance",
    "contact_conductance_w_m2k",
    "emissivity",
    "absorptivity",
    "coating_type",
    "thermal_contacts",
    "long_axis",
    "fixed",
    "fixed_position_min_mm",
    "fixed_turn_deg",
    "fixed_panel",
    "symmetric_pair",
    "heater",
    "fov",
    "spin_axis",
    "thrust_axis",
    "redundancy_group",
    "heat_pipe",
    "reference",
];

/// Smallest dimension, mm. Below it a size is a typing error, and areas and
/// volumes lose their digits.
const MIN_SIZE_MM: f64 = 0.01;
/// Largest dimension, mm. A kilometre would be a typing error.
pub(super) const MAX_SIZE_MM: f64 = 1e5;
pub(super) const MAX_MASS_KG: f64 = 1e5;
pub(super) const MAX_POWER_W: f64 = 1e6;
pub(super) const TEMP_C: Number = Number::within(-273.15, 2000.0, "°C");
/// Longest name or category.
const MAX_TEXT_CHARS: usize = 200;

/// Reads entry `number` (from 1). `None` when something required is missing or
/// wrong; all of it has been noted then.
pub(super) fn read(
    node: &Node,
    pointer: String,
    number: usize,
    missing_fields: &[&str],
    problems: &mut Problems,
) -> Option<BomEntry> {
    let id_text = match node.get("id").map(|id| &id.content) {
        Some(Content::Text(id)) if !id.is_empty() && id.chars().count() <= MAX_ID_CHARS => Some(id.clone()),
        _ => None,
    };
    let subject = Subject {
        zh: id_text.clone().unwrap_or_else(|| format!("第 {number} 个组件")),
        en: id_text.clone().unwrap_or_else(|| format!("component {number}")),
        id: id_text,
    };
    if !matches!(node.content, Content::Table(_)) {
        problems.push(
            Problem::error(
                "bom.wrong_type",
                format!("解析第 {number} 个组件失败: 必须是对象"),
                format!("component {number} must be an object"),
            )
            .at(pointer)
            .on_line(node.place)
            .found(node.shown(), "an object of keys and values"),
        );
        return None;
    }
    let table = Table::open(node, pointer, subject, problems)?;
    for field in ["id", "name", "dimensions", "mass", "power", "category"] {
        if table.get(field).is_none() && !missing_fields.contains(&field) {
            problems.push(missing(&table, number, field));
        }
    }
    let id = id(&table, problems);
    let name = label(&table, "name", problems);
    let size_m = size(&table, number, missing_fields, problems);
    let mass_kg = positive(&table, "mass", MAX_MASS_KG, problems);
    let power_w = power(&table, problems);
    let category = label(&table, "category", problems);
    let quantity = quantity(&table, problems);
    let material = table.text("material", problems);
    let conductivity = Number::within(0.0, 1e5, "W/(m K)");
    let thermal_conductivity_w_per_m_k = table.number("thermal_conductivity", conductivity, problems);
    let max_temp_k = table.number("max_temp", TEMP_C, problems).map(k_from_c);
    let notes = table.text("notes", problems);
    let extras = extras::read(&table, problems);
    if let (Some(upper), Some(lower)) = (max_temp_k, extras.min_temp_k)
        && lower >= upper
        && let Some(node) = table.get("min_temp")
    {
        problems.push(
            table
                .error_at(
                    "min_temp",
                    node,
                    problems.code("temps_reversed"),
                    "min_temp必须低于max_temp",
                    "min_temp must be below max_temp",
                )
                .found(
                    node.shown(),
                    format!("< {}", table.get("max_temp").map_or_else(String::new, Node::shown)),
                ),
        );
    }
    table.check_keys(KEYS, problems);
    let entry = BomEntry {
        id: id?,
        name: name?,
        size_m: size_m?,
        mass_kg: mass_kg?,
        power_w: power_w?,
        category: category?,
        quantity: quantity?,
        material,
        thermal_conductivity_w_per_m_k,
        max_temp_k,
        notes,
        extras,
    };
    checks::units(&table, &entry, problems);
    Some(entry)
}

fn missing(table: &Table<'_>, number: usize, field: &str) -> Problem {
    let problem = Problem::error(
        "bom.missing_field",
        format!("解析第 {number} 个组件失败: 缺少必需字段: {field}"),
        format!("component {number} lacks the required field {field}"),
    );
    let mut problem = table.about(problem, table.node, field).found("nothing", field);
    if let Content::Table(fields) = &table.node.content {
        let unknown = fields.iter().map(|(key, _)| key.as_str()).filter(|key| !KEYS.contains(key)).take(100);
        if let Some(near) = nearest(field, unknown) {
            problem = problem.fix(format!("rename {near} to {field}"));
        }
    }
    problem
}

pub(super) fn id(table: &Table<'_>, problems: &mut Problems) -> Option<String> {
    let id = table.text("id", problems)?;
    let node = table.get("id")?;
    let length = id.chars().count();
    // Ids become file names, log lines and CSS selectors somewhere; what is
    // dangerous in one of them is not allowed in any.
    let good = |c: char| c.is_alphanumeric() || " _-.:+#()".contains(c);
    if (1..=MAX_ID_CHARS).contains(&length) && id.trim() == id && id.chars().all(good) {
        return Some(id);
    }
    let cleaned: String =
        id.trim().chars().map(|c| if good(c) { c } else { '_' }).take(MAX_ID_CHARS).collect();
    let mut problem = table
        .error_at(
            "id",
            node,
            problems.code("bad_id"),
            format!("id须为1到{MAX_ID_CHARS}个字母、数字、空格或 _ - . : + # ( )，首尾不能是空格"),
            format!(
                "id must be 1 to {MAX_ID_CHARS} letters, digits, spaces or _ - . : + # ( ), no space at the ends"
            ),
        )
        .found(show_text(&id), format!("1 to {MAX_ID_CHARS} letters, digits, spaces or _ - . : + # ( )"));
    if !cleaned.is_empty() {
        problem = problem.fix(cleaned);
    }
    problems.push(problem);
    None
}

pub(super) fn label(table: &Table<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    let text = table.text(key, problems)?;
    let node = table.get(key)?;
    let length = text.chars().count();
    if !text.trim().is_empty() && length <= MAX_TEXT_CHARS && !text.chars().any(char::is_control) {
        return Some(text);
    }
    problems.push(
        table
            .error_at(
                key,
                node,
                problems.code("bad_text"),
                format!("{key}不能为空，最多{MAX_TEXT_CHARS}个字符，不含控制字符"),
                format!("{key} must hold 1 to {MAX_TEXT_CHARS} characters, none of them a control character"),
            )
            .found(show_text(&text), format!("1 to {MAX_TEXT_CHARS} characters")),
    );
    None
}

fn size(table: &Table<'_>, number: usize, missing_fields: &[&str], problems: &mut Problems) -> Option<Vec3> {
    let node = table.get("dimensions")?;
    let axes = ["x", "y", "z"];
    let complete = matches!(node.content, Content::Table(_))
        && axes.iter().all(|axis| node.get(axis).is_some_and(|value| !value.is_null()));
    if !complete {
        if missing_fields.contains(&"dimensions") {
            // The missing column was reported for the whole sheet.
            return None;
        }
        let problem = Problem::error(
            "bom.dimensions_incomplete",
            format!("解析第 {number} 个组件失败: dimensions必须包含x, y, z"),
            format!("component {number}: dimensions must hold x, y, z"),
        );
        let mut problem = table.about(problem, node, "dimensions").found(node.shown(), "{x, y, z} in mm");
        if let Content::List(items) = &node.content
            && items.len() == 3
        {
            problem = problem.fix(format!(
                "{{\"x\": {}, \"y\": {}, \"z\": {}}}",
                items[0].shown(),
                items[1].shown(),
                items[2].shown()
            ));
        }
        problems.push(problem);
        return None;
    }
    let inner = Table { node, pointer: table.pointer_to("dimensions"), subject: table.subject.clone() };
    inner.check_keys(&axes, problems);
    let values = axes.map(|axis| inner.get(axis).and_then(|node| inner.finite(axis, node, problems)));
    let [x, y, z] = [values[0]?, values[1]?, values[2]?];
    let bad: Vec<(&str, f64)> = axes
        .into_iter()
        .zip([x, y, z])
        .filter(|(_, value)| *value < MIN_SIZE_MM || *value > MAX_SIZE_MM)
        .collect();
    let Some((axis, value)) = bad.first() else {
        return Some([m_from_mm(x), m_from_mm(y), m_from_mm(z)]);
    };
    let (code, zh, en) = if *value <= 0.0 {
        ("size_nonpositive", "尺寸必须大于0".to_owned(), "the size must be greater than 0".to_owned())
    } else {
        (
            "out_of_range",
            format!("尺寸须在 {} 到 {} mm 之间", show_number(MIN_SIZE_MM), show_number(MAX_SIZE_MM)),
            format!("the size must be {} to {} mm", show_number(MIN_SIZE_MM), show_number(MAX_SIZE_MM)),
        )
    };
    let found: Vec<String> =
        bad.iter().map(|(axis, value)| format!("{axis} = {} mm", show_number(*value))).collect();
    let mut problem = inner
        .error_at(axis, inner.get(axis).unwrap_or(node), problems.code(code), zh, en)
        .found(found.join(", "), Number::within(MIN_SIZE_MM, MAX_SIZE_MM, "mm").shown());
    if *value < 0.0 && bad.len() == 1 {
        problem = problem.fix(format!("{}?", show_number(-value)));
    }
    problems.push(problem);
    None
}

fn positive(table: &Table<'_>, key: &str, max: f64, problems: &mut Problems) -> Option<f64> {
    let node = table.get(key)?;
    let value = table.finite(key, node, problems)?;
    if value > 0.0 {
        return table.number(key, Number::above(0.0, max, "kg"), problems);
    }
    let mut problem = table
        .error_at(
            key,
            node,
            problems.code("mass_nonpositive"),
            "质量必须大于0",
            "the mass must be greater than 0",
        )
        .found(format!("{} kg", node.shown()), Number::above(0.0, max, "kg").shown());
    if value < 0.0 {
        problem = problem.fix(format!("{}?", show_number(-value)));
    }
    problems.push(problem);
    None
}

fn power(table: &Table<'_>, problems: &mut Problems) -> Option<f64> {
    let node = table.get("power")?;
    let value = table.finite("power", node, problems)?;
    if value >= 0.0 {
        return table.number("power", Number::within(0.0, MAX_POWER_W, "W"), problems);
    }
    problems.push(
        table
            .error_at(
                "power",
                node,
                problems.code("power_negative"),
                "功率不能为负",
                "the power must not be negative",
            )
            .found(format!("{} W", node.shown()), Number::within(0.0, MAX_POWER_W, "W").shown())
            .fix(format!("{}?", show_number(-value))),
    );
    None
}

fn quantity(table: &Table<'_>, problems: &mut Problems) -> Option<u32> {
    let Some(node) = table.get("quantity") else { return Some(1) };
    if matches!(&node.content, Content::Text(text) if text.trim().is_empty()) {
        return Some(1);
    }
    let value = table.finite("quantity", node, problems)?;
    let allowed = format!("a whole number from 1 to {MAX_COMPONENTS}");
    let (code, zh, en) = if value <= 0.0 {
        ("quantity_nonpositive", "数量必须大于0", "the quantity must be greater than 0")
    } else if value.fract() != 0.0 {
        ("quantity_not_integer", "数量必须是整数", "the quantity must be a whole number")
    } else if value > MAX_COMPONENTS as f64 {
        ("out_of_range", "数量超出上限", "the quantity is too large")
    } else {
        return Some(value as u32);
    };
    problems.push(table.error_at("quantity", node, problems.code(code), zh, en).found(node.shown(), allowed));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented() {
        let guides = [include_str!("../../../../docs/bom.md"), include_str!("../../../../docs/bom.zh.md")];
        for (key, guide) in KEYS.iter().flat_map(|key| guides.map(|guide| (key, guide))) {
            assert!(
                guide.contains(&format!("`{key}`")),
                "{key} is missing in {}",
                guide.lines().next().unwrap_or_default()
            );
        }
    }
}
