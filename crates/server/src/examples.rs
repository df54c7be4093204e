//! Examples carried inside the program.

pub(crate) const BOMS: [&str; 1] = ["config/bom_example.json"];

pub(crate) fn file(name: &str) -> Option<&'static str> {
    match name {
        "config/bom_example.json" => Some(include_str!("../../../config/bom_example.json")),
        _ => None,
    }
}
