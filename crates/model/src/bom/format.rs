use serde::{Deserialize, Serialize};

use super::BomError;
use crate::Problem;
use crate::input::node::show_text;

/// The forms a BOM file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BomFormat {
    /// `.json`
    Json,
    /// `.csv`
    Csv,
    /// `.yaml`, `.yml`
    Yaml,
}

impl BomFormat {
    /// All forms, in the order they are offered.
    pub const ALL: [BomFormat; 3] = [BomFormat::Json, BomFormat::Csv, BomFormat::Yaml];

    /// The form that a file name's extension stands for, in any case.
    pub fn from_file_name(name: &str) -> Result<BomFormat, BomError> {
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let extension = match file.rfind('.') {
            Some(dot) if dot > 0 => file[dot..].to_lowercase(),
            _ => String::new(),
        };
        BomFormat::from_word(extension.trim_start_matches('.')).ok_or_else(|| {
            BomError::unreadable(
                Problem::error(
                    "bom.unsupported_format",
                    format!("不支持的文件格式: {extension}"),
                    format!("unsupported file format: {extension}"),
                )
                .found(show_text(file), ".json, .csv, .yaml, .yml"),
            )
        })
    }

    /// The form that a media type (`text/csv; charset=utf-8`) stands for.
    pub fn from_content_type(content_type: &str) -> Option<BomFormat> {
        let plain = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
        match plain.as_str() {
            "application/json" | "text/json" => Some(BomFormat::Json),
            "text/csv" | "application/csv" => Some(BomFormat::Csv),
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Some(BomFormat::Yaml),
            _ => None,
        }
    }

    /// The form with this name: `json`, `csv`, `yaml` or `yml`.
    pub fn from_word(word: &str) -> Option<BomFormat> {
        match word {
            "json" => Some(BomFormat::Json),
            "csv" => Some(BomFormat::Csv),
            "yaml" | "yml" => Some(BomFormat::Yaml),
            _ => None,
        }
    }

    /// Its name, which is also the extension of its files.
    pub fn word(self) -> &'static str {
        match self {
            BomFormat::Json => "json",
            BomFormat::Csv => "csv",
            BomFormat::Yaml => "yaml",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_in_any_case() {
        for (name, format) in [
            ("a.json", Some(BomFormat::Json)),
            ("dir.d/A.CSV", Some(BomFormat::Csv)),
            ("x.tar.yml", Some(BomFormat::Yaml)),
            ("中文.YAML", Some(BomFormat::Yaml)),
            ("bom.txt", None),
            ("json", None),
            (".json", None),
            ("a.json/b", None),
            ("", None),
        ] {
            assert_eq!(BomFormat::from_file_name(name).ok(), format, "{name}");
        }
    }

    #[test]
    fn the_refusal_names_the_extension() {
        let error = BomFormat::from_file_name("bom.TXT").unwrap_err();
        assert_eq!(error.problems()[0].message_zh, "不支持的文件格式: .txt");
    }

    #[test]
    fn media_types_have_parameters() {
        assert_eq!(BomFormat::from_content_type("Text/CSV; charset=utf-8"), Some(BomFormat::Csv));
        assert_eq!(BomFormat::from_content_type("text/plain"), None);
    }
}
