use super::RelationEntry;
use super::sections::{limited, require};
use crate::file_units::m_from_mm;
use crate::input::node::show_text;
use crate::input::{Number, Problems, Subject, Table};

const TYPES: &[&str] =
    &["min_distance", "max_distance", "different_panel", "different_direction", "symmetric_pair"];

/// Reads the rules about pairs and groups.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems) -> Vec<RelationEntry> {
    let mut relations = Vec::new();
    for (at, (pointer, node)) in limited(table, "relations", problems).into_iter().enumerate() {
        let subject = Subject::section(&format!("relations[{at}]"));
        if let Some(item) = Table::open(node, pointer, subject, problems) {
            relations.push(relation(&item, problems));
        }
    }
    // A rule that could not be read was noted; the BOM is refused anyway.
    relations.into_iter().flatten().collect()
}

fn relation(item: &Table<'_>, problems: &mut Problems) -> Option<RelationEntry> {
    require(item, "type", problems);
    let kind = item.choice("type", TYPES, problems)?;
    let keys: &[&str] = match kind.as_str() {
        "min_distance" | "max_distance" => &["type", "a", "b", "mm", "reason"],
        "symmetric_pair" => &["type", "a", "b", "plane", "reason"],
        "different_panel" => &["type", "group", "reason"],
        _ => &["type", "group", "min_angle_deg", "reason"],
    };
    item.check_keys(keys, problems);
    item.text("reason", problems);
    for key in keys.iter().filter(|key| **key != "reason") {
        require(item, key, problems);
    }
    match kind.as_str() {
        "min_distance" | "max_distance" => {
            let (a, b) = pair(item, problems);
            let distance_mm = item.number("mm", Number::within(0.0, 1e5, "mm"), problems);
            let (a, b, distance_m) = (a?, b?, m_from_mm(distance_mm?));
            Some(if kind == "min_distance" {
                RelationEntry::MinDistance { a, b, distance_m }
            } else {
                RelationEntry::MaxDistance { a, b, distance_m }
            })
        }
        "symmetric_pair" => {
            let (a, b) = pair(item, problems);
            let plane = item.choice("plane", &["x=0", "y=0", "z=0"], problems)?;
            let axis = ["x=0", "y=0", "z=0"].iter().position(|name| *name == plane)?;
            Some(RelationEntry::SymmetricPair { a: a?, b: b?, axis })
        }
        "different_panel" => Some(RelationEntry::DifferentPanel { group: group(item, problems)? }),
        _ => {
            let group = group(item, problems);
            let angle_deg = item.number("min_angle_deg", Number::within(0.0, 180.0, "°"), problems);
            Some(RelationEntry::DifferentDirection { group: group?, min_angle_rad: angle_deg?.to_radians() })
        }
    }
}

fn pair(item: &Table<'_>, problems: &mut Problems) -> (Option<String>, Option<String>) {
    let (a, b) = (item.text("a", problems), item.text("b", problems));
    if a.is_some()
        && a == b
        && let Some(node) = item.get("b")
    {
        problems.push(
            item.error_at(
                "b",
                node,
                problems.code("pair_of_one"),
                "a和b不能是同一个组件",
                "a and b must not be the same component",
            )
            .found(show_text(a.as_deref().unwrap_or_default()), "two different ids"),
        );
        return (None, None);
    }
    (a, b)
}

fn group(item: &Table<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let group = item.texts("group", problems)?;
    if (1..=super::MAX_COMPONENTS).contains(&group.len()) {
        return Some(group);
    }
    let node = item.get("group")?;
    problems.push(
        item.error_at(
            "group",
            node,
            problems.code("group_size"),
            format!("group须有1到{}个组件", super::MAX_COMPONENTS),
            format!("group must name 1 to {} components", super::MAX_COMPONENTS),
        )
        .found(node.shown(), format!("1 to {} ids", super::MAX_COMPONENTS)),
    );
    None
}
