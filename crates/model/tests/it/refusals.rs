//! Every way a BOM can be wrong: the code, the place, the words.

use model::{BomError, Language, Severity};
use serde_json::{Value, json};

use crate::{assert_complete, parse_value, unit, unit_with, with_code};

/// One BOM and the problem it must give.
struct Case {
    bom: Value,
    code: &'static str,
    pointer: &'static str,
    /// Must be part of the Chinese sentence.
    zh: &'static str,
}

fn case(code: &'static str, pointer: &'static str, zh: &'static str, bom: Value) -> Case {
    Case { bom, code, pointer, zh }
}

/// A BOM of one unit with changes.
fn one(changes: Value) -> Value {
    json!([unit_with("tx_01", changes)])
}

/// A BOM of the units `a` and `b` and more top-level keys.
fn two(more: Value) -> Value {
    let mut bom = json!({"components": [unit("a"), unit("b")]});
    for (key, value) in more.as_object().expect("an object") {
        bom[key] = value.clone();
    }
    bom
}

fn errors() -> Vec<Case> {
    let size = |x: f64| json!({"dimensions": {"x": x, "y": 80, "z": 50}});
    vec![
        case("bom.empty", "", "组件列表为空", json!([])),
        case("bom.empty", "/components", "组件列表为空", json!({"components": []})),
        case("bom.wrong_type", "/0", "解析第 1 个组件失败", json!([7])),
        case(
            "bom.missing_field",
            "/0/mass",
            "解析第 1 个组件失败: 缺少必需字段: mass",
            one(json!({"mass": null})),
        ),
        case(
            "bom.missing_field",
            "/1/id",
            "解析第 2 个组件失败: 缺少必需字段: id",
            json!([unit("a"), unit_with("b", json!({"id": null}))]),
        ),
        case(
            "bom.dimensions_incomplete",
            "/0/dimensions",
            "dimensions必须包含x, y, z",
            one(json!({"dimensions": {"x": 1}})),
        ),
        case(
            "bom.dimensions_incomplete",
            "/0/dimensions",
            "dimensions必须包含x, y, z",
            one(json!({"dimensions": [1, 2, 3]})),
        ),
        case("bom.duplicate_id", "/1/id", "组件ID不唯一", json!([unit("a"), unit("a")])),
        case(
            "bom.duplicate_id_after_expansion",
            "/1/id",
            "组件ID不唯一: tx_01",
            json!([unit_with("tx", json!({"quantity": 2})), unit("tx_01")]),
        ),
        case("bom.size_nonpositive", "/0/dimensions/x", "tx_01: 尺寸必须大于0", one(size(0.0))),
        case("bom.size_nonpositive", "/0/dimensions/x", "tx_01: 尺寸必须大于0", one(size(-3.0))),
        case("bom.out_of_range", "/0/dimensions/x", "尺寸须在", one(size(1e9))),
        case("bom.mass_nonpositive", "/0/mass", "tx_01: 质量必须大于0", one(json!({"mass": 0}))),
        case("bom.mass_nonpositive", "/0/mass", "tx_01: 质量必须大于0", one(json!({"mass": -1}))),
        case("bom.power_negative", "/0/power", "tx_01: 功率不能为负", one(json!({"power": -1}))),
        case("bom.quantity_nonpositive", "/0/quantity", "tx_01: 数量必须大于0", one(json!({"quantity": 0}))),
        case("bom.quantity_nonpositive", "/0/quantity", "数量必须大于0", one(json!({"quantity": -2}))),
        case("bom.quantity_not_integer", "/0/quantity", "数量必须是整数", one(json!({"quantity": 1.5}))),
        case("bom.out_of_range", "/0/quantity", "数量超出上限", one(json!({"quantity": 501}))),
        case(
            "bom.too_many_components",
            "",
            "组件过多: 600",
            json!([unit_with("a", json!({"quantity": 300})), unit_with("b", json!({"quantity": 300}))]),
        ),
        case("bom.wrong_type", "/0/mass", "mass必须是数字", one(json!({"mass": "1.2"}))),
        case("bom.wrong_type", "/0/mass", "mass必须是数字", one(json!({"mass": true}))),
        case(
            "bom.wrong_type",
            "/0/dimensions/y",
            "必须是数字",
            one(json!({"dimensions": {"x": 1, "y": "2", "z": 3}})),
        ),
        case("bom.wrong_type", "/0/quantity", "必须是数字", one(json!({"quantity": "two"}))),
        case("bom.wrong_type", "/0/id", "必须是文本", one(json!({"id": 7}))),
        case("bom.wrong_type", "/0/notes", "必须是文本", one(json!({"notes": []}))),
        case("bom.bad_id", "/0/id", "id须为", one(json!({"id": ""}))),
        case("bom.bad_id", "/0/id", "id须为", one(json!({"id": "a/../b"}))),
        case("bom.bad_id", "/0/id", "id须为", one(json!({"id": "<img src=x>"}))),
        case("bom.bad_id", "/0/id", "id须为", one(json!({"id": " a"}))),
        case("bom.bad_id", "/0/id", "id须为", one(json!({"id": "长".repeat(65)}))),
        case("bom.bad_text", "/0/name", "name不能为空", one(json!({"name": "  "}))),
        case("bom.bad_text", "/0/category", "category不能为空", one(json!({"category": ""}))),
        case("bom.bad_text", "/0/name", "name不能为空", one(json!({"name": "a\u{7}"}))),
        case("bom.out_of_range", "/0/max_temp", "超出范围", one(json!({"max_temp": -300}))),
        case(
            "bom.temps_reversed",
            "/0/min_temp",
            "min_temp必须低于max_temp",
            one(json!({"min_temp": 60, "max_temp": 50})),
        ),
        case("bom.out_of_range", "/0/emissivity", "超出范围", one(json!({"emissivity": 1.2}))),
        case(
            "bom.unknown_panel",
            "/0/allowed_panels",
            "未知安装板",
            one(json!({"allowed_panels": ["+X", "top"]})),
        ),
        case("bom.no_panel", "/0/allowed_panels", "不能为空", one(json!({"allowed_panels": []}))),
        case("bom.wrong_type", "/0/allowed_panels", "文本列表", one(json!({"allowed_panels": [1]}))),
        case("bom.wrong_type", "/0/thermal_contacts", "必须是对象", one(json!({"thermal_contacts": [1]}))),
        case(
            "bom.out_of_range",
            "/0/thermal_contacts/b",
            "超出范围",
            json!([unit_with("a", json!({"thermal_contacts": {"b": -1}})), unit("b")]),
        ),
        case("bom.unknown_value", "/0/long_axis", "取值无效", one(json!({"long_axis": "w"}))),
        case("bom.unknown_value", "/0/fixed_turn_deg", "0、90、180、270", one(json!({"fixed_turn_deg": 45}))),
        case(
            "bom.fixed_without_position",
            "/0/fixed_position_min_mm",
            "fixed_position_min_mm",
            one(json!({"fixed": true})),
        ),
        case(
            "bom.fixed_quantity",
            "/0/quantity",
            "数量只能是1",
            one(json!({"fixed": true, "fixed_position_min_mm": [0, 0, 0], "quantity": 2})),
        ),
        case("bom.wrong_type", "/0/fixed", "true 或 false", one(json!({"fixed": "yes"}))),
        case(
            "bom.wrong_type",
            "/0/fixed_position_min_mm",
            "三个数值",
            one(json!({"fixed": true, "fixed_position_min_mm": [0, 0]})),
        ),
        case(
            "bom.out_of_range",
            "/0/fov/half_angle_deg",
            "超出范围",
            one(json!({"fov": {"axis": "out", "half_angle_deg": 0}})),
        ),
        case(
            "bom.out_of_range",
            "/0/heater/max_power",
            "超出范围",
            one(json!({"heater": {"max_power": -1, "setpoint_on": 5}})),
        ),
        case(
            "bom.out_of_range",
            "/envelope/y",
            "超出范围",
            two(json!({"envelope": {"x": 300, "y": 0, "z": 300}})),
        ),
        case("bom.wrong_type", "/envelope", "三个数值", two(json!({"envelope": 300}))),
        case(
            "bom.outer_smaller_than_inner",
            "/envelope_outer",
            "不能小于",
            two(json!({"envelope": [300, 300, 300], "envelope_outer": [300, 299, 300]})),
        ),
        case(
            "bom.out_of_range",
            "/panels/+X/emissivity",
            "超出范围",
            two(json!({"panels": {"+X": {"emissivity": 2}}})),
        ),
        case(
            "bom.missing_field",
            "/fixed_masses/0/mass",
            "缺少必需字段",
            two(json!({"fixed_masses": [{"name": "m"}]})),
        ),
        case("bom.wrong_type", "/fixed_masses", "必须是列表", two(json!({"fixed_masses": {}}))),
        case(
            "bom.keepout_empty",
            "/keepouts/0/max_mm",
            "必须大于min_mm",
            two(json!({"keepouts": [{"min_mm": [0, 0, 0], "max_mm": [1, 0, 1]}]})),
        ),
        case(
            "bom.missing_field",
            "/keepouts/0/max_mm",
            "缺少必需字段",
            two(json!({"keepouts": [{"min_mm": [0, 0, 0]}]})),
        ),
        case(
            "bom.unknown_component",
            "/keepouts/0/exempt",
            "不存在的组件",
            two(json!({"keepouts": [{"min_mm": [0, 0, 0], "max_mm": [1, 1, 1], "exempt": ["c"]}]})),
        ),
        case(
            "bom.unknown_value",
            "/relations/0/type",
            "取值无效",
            two(json!({"relations": [{"type": "min_distanc", "a": "a", "b": "b", "mm": 1}]})),
        ),
        case(
            "bom.missing_field",
            "/relations/0/mm",
            "缺少必需字段",
            two(json!({"relations": [{"type": "min_distance", "a": "a", "b": "b"}]})),
        ),
        case(
            "bom.unknown_component",
            "/relations/0",
            "不存在的组件",
            two(json!({"relations": [{"type": "min_distance", "a": "a", "b": "q", "mm": 1}]})),
        ),
        case(
            "bom.pair_of_one",
            "/relations/0/b",
            "不能是同一个",
            two(json!({"relations": [{"type": "min_distance", "a": "a", "b": "a", "mm": 1}]})),
        ),
        case(
            "bom.group_size",
            "/relations/0/group",
            "group须有",
            two(json!({"relations": [{"type": "different_panel", "group": []}]})),
        ),
        case(
            "bom.too_many_items",
            "/relations",
            "最多1000项",
            two(json!({"relations": vec![json!({}); 1001]})),
        ),
        case(
            "bom.missing_field",
            "/environment/altitude_km",
            "缺少必需字段",
            two(json!({"environment": {"beta_deg": 10}})),
        ),
        case(
            "bom.out_of_range",
            "/constraints/max_temp_c",
            "超出范围",
            two(json!({"constraints": {"max_temp_c": -400}})),
        ),
        case(
            "bom.wrong_type",
            "/constraints/enforce_power_budget",
            "true 或 false",
            two(json!({"constraints": {"enforce_power_budget": 1}})),
        ),
    ]
}

fn warnings() -> Vec<Case> {
    vec![
        case("bom.unknown_key", "/0/colour", "未知字段", one(json!({"colour": "red"}))),
        case("bom.unknown_key", "/0/max_tmp", "是否应为 max_temp", one(json!({"max_tmp": 50}))),
        case("bom.unknown_key", "/constrains", "是否应为 constraints", two(json!({"constrains": {}}))),
        case(
            "bom.unknown_key",
            "/constraints/max_temp_k",
            "未知字段",
            two(json!({"constraints": {"max_temp_k": 300}})),
        ),
        case("bom.unknown_key", "/panels/top", "未知字段", two(json!({"panels": {"top": {}}}))),
        case(
            "bom.unit_suspect",
            "/0/dimensions",
            "米",
            one(json!({"dimensions": {"x": 0.2, "y": 0.15, "z": 0.1}})),
        ),
        case("bom.unit_suspect", "/0/mass", "克", one(json!({"mass": 1200 * 10}))),
        case("bom.unit_suspect", "/0/mass", "单位", one(json!({"mass": 0.0001}))),
        case("bom.unit_suspect", "/0/power", "毫瓦", one(json!({"power": 25000}))),
        case("bom.unit_suspect", "/0/max_temp", "开尔文", one(json!({"max_temp": 333}))),
        case("bom.unit_suspect", "/envelope", "米", two(json!({"envelope": [0.3, 0.3, 0.3]}))),
        case("bom.units_fixed", "/units/length", "单位不可更改", two(json!({"units": {"length": "m"}}))),
        case(
            "bom.position_not_fixed",
            "/0/fixed_position_min_mm",
            "fixed: true",
            one(json!({"fixed_position_min_mm": [0, 0, 0]})),
        ),
        case("bom.fixed_panel_unclear", "/0/fixed_panel", "恰好列出一块", one(json!({"fixed_panel": true}))),
        case(
            "bom.unknown_component",
            "/0/thermal_contacts/nobody",
            "不存在的组件",
            one(json!({"thermal_contacts": {"nobody": 100}})),
        ),
        case(
            "bom.contact_with_itself",
            "/0/thermal_contacts/tx_01",
            "自身",
            one(json!({"thermal_contacts": {"tx_01": 100}})),
        ),
        case(
            "bom.pair_without_plane",
            "/0/symmetric_pair",
            "对称面",
            one(json!({"symmetric_pair": "wings"})),
        ),
        case(
            "not_evaluated_yet",
            "/environment/attitude",
            "尚未参与评估",
            two(json!({"environment": {"altitude_km": 500, "attitude": "sun"}})),
        ),
    ]
}

#[test]
fn each_error_refuses_and_says_where_and_what() {
    for Case { bom, code, pointer, zh } in errors() {
        let Err(BomError::Invalid { problems, .. }) = parse_value(&bom) else { panic!("accepted: {bom}") };
        problems.iter().for_each(assert_complete);
        let problem = problems
            .iter()
            .find(|problem| problem.code == code && problem.pointer == pointer)
            .unwrap_or_else(|| panic!("{code} at {pointer} missing for {bom}: {problems:#?}"));
        assert_eq!(problem.severity, Severity::Error);
        assert!(problem.line.is_some() && problem.column.is_some(), "{problem:#?}");
        assert!(problem.message_zh.contains(zh), "{zh} not in {problem:#?}");
    }
}

#[test]
fn each_warning_accepts_and_says_where_and_what() {
    for Case { bom, code, pointer, zh } in warnings() {
        let checked = parse_value(&bom).unwrap_or_else(|error| panic!("refused: {bom}: {error:#?}"));
        checked.warnings.iter().for_each(assert_complete);
        let problem = checked
            .warnings
            .iter()
            .find(|problem| problem.code == code && problem.pointer == pointer)
            .unwrap_or_else(|| panic!("{code} at {pointer} missing for {bom}: {:#?}", checked.warnings));
        assert_eq!(problem.severity, Severity::Warning);
        assert!(problem.line.is_some() && problem.column.is_some(), "{problem:#?}");
        assert!(problem.message_zh.contains(zh), "{zh} not in {problem:#?}");
    }
}

#[test]
fn all_problems_come_at_once_errors_first() {
    let bom = json!([
        unit_with("a", json!({"mass": -1, "power": -1, "colour": 1})),
        unit_with("a", json!({"dimensions": {"x": 0, "y": 0, "z": 1}, "quantity": 0, "name": null})),
        5,
    ]);
    let Err(error) = parse_value(&bom) else { panic!("accepted") };
    let codes: Vec<&str> = error.problems().iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "bom.mass_nonpositive",
            "bom.power_negative",
            "bom.missing_field",
            "bom.size_nonpositive",
            "bom.quantity_nonpositive",
            "bom.wrong_type",
            "bom.duplicate_id",
            "bom.unknown_key",
        ]
    );
    assert_eq!(error.errors(Language::Zh)[0], "a: 质量必须大于0");
    assert_eq!(error.errors(Language::En)[1], "a: the power must not be negative");
    assert_eq!(error.errors(Language::Zh).len(), 7);
    assert!(error.summary(Language::Zh).starts_with("BOM验证失败: a: 质量必须大于0"));
    assert!(!error.is_unreadable());
}

#[test]
fn an_invalid_bom_still_lists_its_entries() {
    let bom = json!([unit_with("a", json!({"mass": -1})), unit_with("b", json!({"name": null})), 5]);
    let Err(error) = parse_value(&bom) else { panic!("accepted") };
    let entries = serde_json::to_value(error.entries()).expect("JSON");
    assert_eq!(
        entries,
        json!([
            {"id": "a", "name": "Unit", "mass": -1.0, "power": 5.0, "category": "avionics"},
            {"id": "b", "name": null, "mass": 1.0, "power": 5.0, "category": "avionics"},
            {"id": null, "name": null, "mass": null, "power": null, "category": null},
        ])
    );
}

#[test]
fn found_allowed_and_fix_name_the_values() {
    for (changes, code, found, allowed, fix) in [
        (json!({"mass": -1}), "bom.mass_nonpositive", "-1 kg", "> 0, <= 100000 kg", Some("1?")),
        (json!({"mass": "1.2"}), "bom.wrong_type", "\"1.2\"", "a number", Some("1.2 without quotes")),
        (json!({"id": 7}), "bom.wrong_type", "7", "text", Some("\"7\" in quotes")),
        (json!({"id": "a/b"}), "bom.bad_id", "\"a/b\"", "1 to 64 letters", Some("a_b")),
        (
            json!({"dimensions": [1, 2, 3]}),
            "bom.dimensions_incomplete",
            "list of 3",
            "{x, y, z} in mm",
            Some("{\"x\": 1, \"y\": 2, \"z\": 3}"),
        ),
        (json!({"mass": null, "mas": 1}), "bom.missing_field", "nothing", "mass", Some("rename mas to mass")),
        (json!({"long_axis": "X"}), "bom.unknown_value", "\"X\"", "x, y, z", Some("\"x\"?")),
        (json!({"quantity": 2.5}), "bom.quantity_not_integer", "2.5", "a whole number from 1 to 500", None),
    ] {
        let Err(error) = parse_value(&one(changes.clone())) else { panic!("accepted: {changes}") };
        let problem = with_code(error.problems(), code);
        assert_eq!(problem.found, found, "{changes}");
        assert!(problem.allowed.starts_with(allowed), "{}", problem.allowed);
        assert_eq!(problem.fix.as_deref(), fix, "{changes}");
    }
}

#[test]
fn a_size_in_metres_is_suspected_and_the_size_in_millimetres_offered() {
    let bom = one(json!({"dimensions": {"x": 0.2, "y": 0.15, "z": 0.1}, "mass": 5}));
    let checked = parse_value(&bom).expect("accepted");
    let problem = with_code(&checked.warnings, "bom.unit_suspect");
    assert_eq!(problem.found, "shortest side 0.1 mm");
    assert_eq!(problem.fix.as_deref(), Some("x 200, y 150, z 100?"));
    assert_eq!(checked.warnings.len(), 1, "the density that follows from it is not another problem");
}
