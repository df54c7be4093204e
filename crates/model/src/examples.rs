//! Sample files that are part of the program: found under their path when no
//! such file exists on disk.

use crate::BomFormat;

/// A sample BOM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Path by which tasks name it.
    pub path: &'static str,
    /// Name in Chinese.
    pub name_zh: &'static str,
    /// Name in English.
    pub name_en: &'static str,
    /// One sentence in Chinese.
    pub description_zh: &'static str,
    /// One sentence in English.
    pub description_en: &'static str,
    /// The file.
    pub text: &'static str,
    /// Its form.
    pub format: BomFormat,
}

/// Path of the sample configuration.
pub const SYSTEM_YAML_PATH: &str = "config/system.yaml";

/// The sample configuration, which is also the default one.
pub const SYSTEM_YAML: &str = include_str!("../../../config/system.yaml");

/// The sample BOMs, easiest first.
pub const EXAMPLES: &[Example] = &[
    Example {
        path: "config/bom_example.json",
        name_zh: "入门示例",
        name_en: "First example",
        description_zh: "两台设备，几秒钟即可完成",
        description_en: "Two units, done within seconds",
        text: include_str!("../../../config/bom_example.json"),
        format: BomFormat::Json,
    },
    Example {
        path: "examples/boms/cubesat_6u_12.json",
        name_zh: "6U 立方星",
        name_en: "6U CubeSat",
        description_zh: "对地观测立方星，12 台设备",
        description_en: "Earth-observation CubeSat, 12 units",
        text: include_str!("../../../examples/boms/cubesat_6u_12.json"),
        format: BomFormat::Json,
    },
    Example {
        path: "examples/boms/smallsat_25.json",
        name_zh: "百公斤级小卫星",
        name_en: "100 kg class satellite",
        description_zh: "对地观测小卫星，25 台设备",
        description_en: "Earth-observation satellite, 25 units",
        text: include_str!("../../../examples/boms/smallsat_25.json"),
        format: BomFormat::Json,
    },
    Example {
        path: "examples/boms/bus_60.json",
        name_zh: "低轨通信卫星平台",
        name_en: "LEO communication bus",
        description_zh: "1.2 米级通信卫星，60 台设备，难度高",
        description_en: "1.2 m class communication satellite, 60 units, hard",
        text: include_str!("../../../examples/boms/bus_60.json"),
        format: BomFormat::Json,
    },
];

/// The sample BOM with this path.
pub fn find(path: &str) -> Option<&'static Example> {
    EXAMPLES.iter().find(|example| example.path == path)
}

/// The text of any embedded file, BOM or configuration, with this path.
pub fn embedded_file(path: &str) -> Option<&'static str> {
    if path == SYSTEM_YAML_PATH {
        return Some(SYSTEM_YAML);
    }
    find(path).map(|example| example.text)
}
