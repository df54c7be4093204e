//! Files that are broken as files: syntax, encoding, size, header rows; and
//! where in a file a problem is.

use model::bom::MAX_BOM_BYTES;
use model::{BomFormat, Language, parse_bom};
use serde_json::{Value, json};

use crate::{assert_complete, parse_value, unit, unit_with, with_code};

#[test]
fn problems_have_line_and_column_in_each_form() {
    let json = "[\n  {\"id\": \"a\", \"name\": \"A\", \"dimensions\": {\"x\": 1, \"y\": 1, \"z\": 1},\n   \"mass\": -1, \"power\": 0, \"category\": \"c\"}\n]";
    let yaml = "components:\n  - id: a\n    name: A\n    dimensions: {x: 10, y: 10, z: 10}\n    mass: -1\n    power: 0\n    category: c\n";
    let csv = "id,name,dim_x,dim_y,dim_z,mass,power,category\na,A,10,10,10,-1,0,c\n";
    for (text, format, place) in [
        (json, BomFormat::Json, (3, 12)),
        (yaml, BomFormat::Yaml, (5, 11)),
        // In CSV the column is that of the sheet: mass is the sixth.
        (csv, BomFormat::Csv, (2, 6)),
    ] {
        let Err(error) = parse_bom(text.as_bytes(), format) else { panic!("accepted") };
        let problem = with_code(error.problems(), "bom.mass_nonpositive");
        assert_eq!((problem.line, problem.column), (Some(place.0), Some(place.1)), "{format:?}");
        assert_eq!(problem.component_id.as_deref(), Some("a"));
    }
}

#[test]
fn text_that_cannot_be_understood_is_unreadable() {
    let deep = "[".repeat(5000);
    for (text, format, code, zh, line) in [
        ("{\"components\": [}", BomFormat::Json, "bom.syntax", "JSON格式错误: ", Some(1)),
        ("", BomFormat::Json, "bom.syntax", "JSON格式错误: ", None),
        ("[{\"id\": NaN}]", BomFormat::Json, "bom.syntax", "JSON格式错误: ", Some(1)),
        ("[1e999]", BomFormat::Json, "bom.syntax", "JSON格式错误: ", Some(1)),
        (deep.as_str(), BomFormat::Json, "bom.syntax", "JSON格式错误: ", Some(1)),
        ("{}", BomFormat::Json, "bom.no_components", "JSON格式错误：需要components数组或直接数组", Some(1)),
        ("7", BomFormat::Json, "bom.no_components", "JSON格式错误：需要components数组或直接数组", Some(1)),
        (
            "{\"components\": {}}",
            BomFormat::Json,
            "bom.no_components",
            "需要components数组或直接数组",
            Some(1),
        ),
        ("a: [1\nb: 2", BomFormat::Yaml, "bom.syntax", "解析BOM文件失败: ", None),
        ("", BomFormat::Yaml, "bom.no_components", "需要components数组或直接数组", None),
        (deep.as_str(), BomFormat::Yaml, "bom.syntax", "解析BOM文件失败: ", None),
    ] {
        let error = parse_bom(text.as_bytes(), format).expect_err(text);
        assert!(error.is_unreadable(), "{text}");
        let [problem] = error.problems() else { panic!("{error:?}") };
        assert_complete(problem);
        assert_eq!(problem.code, code, "{text}");
        assert!(problem.message_zh.starts_with(zh) || problem.message_zh.contains(zh), "{problem:?}");
        if line.is_some() {
            assert_eq!(problem.line, line, "{problem:?}");
        }
        assert_eq!(error.entries(), []);
    }
}

#[test]
fn numbers_that_json_lacks_are_named() {
    for bad in ["NaN", "Infinity", "-Infinity"] {
        let text = format!("[\n {{\"id\": \"a\", \"mass\": {bad}}}]");
        let error = parse_bom(text.as_bytes(), BomFormat::Json).expect_err(bad);
        let problem = &error.problems()[0];
        assert!(problem.message_zh.contains("is not a JSON number"), "{bad}: {problem:?}");
        assert_eq!(problem.line, Some(2));
    }
}

#[test]
fn a_misspelled_components_key_is_named() {
    let error = parse_bom(b"{\"component\": []}", BomFormat::Json).expect_err("no list");
    assert_eq!(error.problems()[0].fix.as_deref(), Some("components"));
}

#[test]
fn files_that_are_too_large_or_not_utf8_are_unreadable() {
    let large = vec![b' '; MAX_BOM_BYTES + 1];
    let error = parse_bom(&large, BomFormat::Json).expect_err("too large");
    assert_eq!(error.problems()[0].code, "bom.too_large");
    // 电池 in GBK, as a Chinese spreadsheet writes it.
    let error = parse_bom(b"id,name\na,\xB5\xE7\xB3\xD8\n", BomFormat::Csv).expect_err("GBK");
    assert!(error.is_unreadable());
    assert_eq!((error.problems()[0].code.as_str(), error.problems()[0].line), ("bom.not_utf8", Some(2)));
}

#[test]
fn a_yaml_alias_bomb_is_refused_quickly_and_clearly() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(","));
    }
    let error = parse_bom(text.as_bytes(), BomFormat::Yaml).expect_err("a bomb");
    assert_eq!(error.problems()[0].code, "bom.syntax");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for bad in [".nan", ".inf", "-.inf"] {
        let text = format!(
            "- {{id: a, name: A, dimensions: {{x: 1, y: {bad}, z: 1}}, mass: {bad}, power: 1, category: c}}"
        );
        let Err(error) = parse_bom(text.as_bytes(), BomFormat::Yaml) else { panic!("accepted {bad}") };
        let codes: Vec<&str> = error.problems().iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["bom.not_finite", "bom.not_finite"], "{bad}");
        assert_eq!(error.entries()[0].mass, None);
    }
    for bad in ["nan", "inf", "-Infinity"] {
        let text = format!("id,name,dim_x,dim_y,dim_z,mass,power,category\na,A,1,1,1,{bad},1,c\n");
        let Err(error) = parse_bom(text.as_bytes(), BomFormat::Csv) else { panic!("accepted {bad}") };
        assert_eq!(with_code(error.problems(), "bom.not_finite").pointer, "/0/mass");
    }
}

#[test]
fn csv_headers_and_rows_are_checked() {
    let header = "id,name,dim_x,dim_y,dim_z,mass,power,category";
    for (text, code, place) in [
        (
            "id,name,dim_x,dim_y,dim_z,weight,power,category\na,A,1,1,1,1,1,c\n".to_owned(),
            "bom.missing_column",
            (1, 1),
        ),
        (format!("{header}\na,A,10,10,10,1,1,c,d\n"), "bom.csv_row_length", (2, 8)),
        (format!("{header}\na,A,10,10,10,x,1,c\n"), "bom.wrong_type", (2, 6)),
        (format!("{header}\na,A,10,10,,1,1,c\n"), "bom.dimensions_incomplete", (2, 3)),
        (format!("{header},quantity\na,A,10,10,10,1,1,c,1.5\n"), "bom.quantity_not_integer", (2, 9)),
        (format!("{header}\n"), "bom.empty", (0, 0)),
        (String::new(), "bom.empty", (0, 0)),
    ] {
        let Err(error) = parse_bom(text.as_bytes(), BomFormat::Csv) else { panic!("accepted {text}") };
        error.problems().iter().for_each(assert_complete);
        let problem = with_code(error.problems(), code);
        if place.0 > 0 {
            assert_eq!((problem.line, problem.column), (Some(place.0), Some(place.1)), "{problem:?}");
        }
    }
}

#[test]
fn a_missing_csv_column_is_reported_once_and_not_for_each_row() {
    for (column, cells) in [("mass", "a,A,9,9,9,1,c"), ("dim_y", "a,A,9,9,1,1,c")] {
        let header = "id,name,dim_x,dim_y,dim_z,mass,power,category".replace(&format!("{column},"), "");
        let rows: String =
            (0..50).map(|at| format!("{}\n", cells.replacen('a', &format!("u{at}"), 1))).collect();
        let Err(error) = parse_bom(format!("{header}\n{rows}").as_bytes(), BomFormat::Csv) else {
            panic!("accepted without {column}")
        };
        let codes: Vec<&str> = error.problems().iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["bom.missing_column"], "{column}");
    }
}

#[test]
fn unknown_and_repeated_csv_columns_warn() {
    let text = "id,name,dim_x,dim_y,dim_z,mass,power,category,max_tempp,mass\na,A,10,10,10,9,1,c,50,1\n";
    let checked = parse_bom(text.as_bytes(), BomFormat::Csv).expect("valid");
    assert_eq!(with_code(&checked.warnings, "bom.unknown_key").fix.as_deref(), Some("max_temp"));
    assert_eq!(with_code(&checked.warnings, "bom.repeated_key").column, Some(10));
    assert_eq!(checked.value.entries[0].mass_kg, 1.0);
}

#[test]
fn a_repeated_key_warns_and_the_last_value_counts() {
    let text = b"[{\"id\": \"a\", \"name\": \"A\", \"dimensions\": {\"x\": 9, \"y\": 9, \"z\": 9}, \"mass\": 5, \"mass\": 0.1, \"power\": 0, \"category\": \"c\"}]";
    let checked = parse_bom(text, BomFormat::Json).expect("valid");
    assert_eq!(checked.value.entries[0].mass_kg, 0.1);
    assert_eq!(with_code(&checked.warnings, "bom.repeated_key").pointer, "/0/mass");
}

#[test]
fn more_problems_than_an_answer_carries_are_counted() {
    let mut unit = unit("a");
    for number in 0..5000 {
        unit[format!("q{number}")] = json!(1);
    }
    let checked = parse_value(&json!([unit])).expect("valid");
    assert_eq!(checked.warnings.len(), 301);
    assert_eq!(with_code(&checked.warnings, "bom.more_problems").found, "4700");
    let bad: Vec<Value> = (0..400).map(|at| unit_with(&format!("u{at}"), json!({"mass": -1}))).collect();
    let Err(error) = parse_value(&json!(bad)) else { panic!("accepted") };
    assert_eq!(error.problems().len(), 301);
}

#[test]
fn five_hundred_components_are_accepted_and_one_more_is_not() {
    let many = |count: usize| json!((0..count).map(|at| unit(&format!("u{at}"))).collect::<Vec<_>>());
    assert_eq!(parse_value(&many(500)).expect("valid").value.num_components(), 500);
    let Err(error) = parse_value(&many(501)) else { panic!("accepted") };
    assert_eq!(with_code(error.problems(), "bom.too_many_components").found, "501");
    assert_eq!(error.entries().len(), 500);
}

#[test]
fn a_column_counts_characters_from_the_line_s_start() {
    let padding = format!("{{\"中\": \"{}\"}}", "é".repeat(40));
    let text = format!("[{padding},{padding},\n{padding}, 7]");
    let Err(error) = parse_bom(text.as_bytes(), BomFormat::Json) else { panic!("accepted") };
    let problem = error.problems().iter().find(|problem| problem.pointer == "/3").expect("the number");
    assert_eq!((problem.line, problem.column), (Some(2), Some(padding.chars().count() as u64 + 3)));
}

#[test]
fn a_missing_file_has_the_known_text() {
    let error = model::bom::file_missing("config/nope.json");
    assert_eq!(error.summary(Language::Zh), "BOM文件不存在: config/nope.json");
    assert!(error.is_unreadable());
}

/// Files of nearly the largest size that would take minutes if any step looked
/// at everything for each thing.
#[test]
fn large_hostile_files_get_their_answer() {
    let size = MAX_BOM_BYTES - 200;
    let keys = |count: usize| (0..count).map(|at| format!("\"k{at}\":1,")).collect::<String>();
    let contacts = format!("\"thermal_contacts\":{{{}\"z\":1}}", keys(140_000));
    let unit = unit("a").to_string();
    for (text, format, code) in [
        (format!("[{}1]", "1,".repeat(size / 2)), BomFormat::Json, "bom.too_many_components"),
        (format!("[{}[]]", "[],".repeat(size / 3)), BomFormat::Json, "bom.too_many_components"),
        (format!("[{{{}\"z\":1}}]", keys(150_000)), BomFormat::Json, "bom.more_problems"),
        (format!("{{{}\"components\":[1]}}", keys(150_000)), BomFormat::Json, "bom.more_problems"),
        (format!("[\"{}\"]", "a".repeat(size)), BomFormat::Json, "bom.wrong_type"),
        (format!("[{{{contacts},{}]", &unit[1..]), BomFormat::Json, "bom.more_problems"),
        ("- a\n".repeat(size / 4), BomFormat::Yaml, "bom.syntax"),
        (format!("id,name\n{}", "a,b\n".repeat(size / 4)), BomFormat::Csv, "bom.too_many_components"),
        (
            format!("{}\n{}", "id,".repeat(size / 6), ",".repeat(size / 2)),
            BomFormat::Csv,
            "bom.missing_column",
        ),
    ] {
        match parse_bom(text.as_bytes(), format) {
            Ok(checked) => with_code(&checked.warnings, code),
            Err(ref error) => &with_code(error.problems(), code).clone(),
        };
    }
}
