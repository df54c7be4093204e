//! A BOM to start from, in each format.

use crate::BomFormat;

/// A sample of two components that parses without a message.
pub fn bom_template(format: BomFormat) -> &'static str {
    match format {
        BomFormat::Json => include_str!("template/bom.json"),
        BomFormat::Csv => include_str!("template/bom.csv"),
        BomFormat::Yaml => include_str!("template/bom.yaml"),
    }
}
