use super::entry;
use super::{BomEntry, EntryExtras};
use crate::file_units::{k_from_c, m_from_mm};
use crate::input::{Content, Node, Number, Problems, Subject, Table};

/// Reads a component of the configuration's form:
/// `{id, dims_mm: [x, y, z], mass_kg, power_w, category}`.
pub(crate) fn read(node: &Node, pointer: String, number: usize, problems: &mut Problems) -> Option<BomEntry> {
    let id_text = match node.get("id").map(|id| &id.content) {
        Some(Content::Text(id)) if !id.is_empty() => Some(id.clone()),
        _ => None,
    };
    let subject = Subject {
        zh: id_text.clone().unwrap_or_else(|| format!("第 {number} 个组件")),
        en: id_text.clone().unwrap_or_else(|| format!("component {number}")),
        id: id_text,
    };
    let table = Table::open(node, pointer, subject, problems)?;
    table.check_keys(&["id", "name", "dims_mm", "mass_kg", "power_w", "category", "max_temp_c"], problems);
    for key in ["id", "dims_mm", "mass_kg", "power_w", "category"] {
        super::sections::require(&table, key, problems);
    }
    let id = entry::id(&table, problems);
    let name = entry::label(&table, "name", problems);
    let size_rule = Number::above(0.0, entry::MAX_SIZE_MM, "mm");
    let size_m = table.triple("dims_mm", size_rule, problems).map(|size| size.map(m_from_mm));
    let mass_kg = table.number("mass_kg", Number::above(0.0, entry::MAX_MASS_KG, "kg"), problems);
    let power_w = table.number("power_w", Number::within(0.0, entry::MAX_POWER_W, "W"), problems);
    let category = entry::label(&table, "category", problems);
    let max_temp_k = table.number("max_temp_c", entry::TEMP_C, problems).map(k_from_c);
    let id = id?;
    Some(BomEntry {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        size_m: size_m?,
        mass_kg: mass_kg?,
        power_w: power_w?,
        category: category?,
        quantity: 1,
        material: None,
        thermal_conductivity_w_per_m_k: None,
        max_temp_k,
        notes: None,
        extras: EntryExtras::default(),
    })
}
