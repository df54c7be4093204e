use model::design_state::StateConstraint;
use model::{Panel, ZERO_CELSIUS_K};
use physics::ConstraintGroup;

use super::{Report, plain};
use crate::metrics::state_constraints;

/// Every evaluated constraint.
pub(crate) fn constraints(report: &Report<'_>) -> String {
    let mut text = String::from(
        "| constraint 约束 | value 数值 | limit 限值 | margin 裕度 | who 对象 | status 状态 |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let shown = state_constraints(report.evaluation, report.satellite);
    for (constraint, shown) in report.evaluation.constraints.iter().zip(&shown) {
        let (english, chinese) = group_words(constraint.group);
        let unit = unit(shown);
        let margin_unit = if shown.unit == "degC" { " K" } else { unit };
        let sign = if is_lower_limit(shown) { "≥" } else { "≤" };
        let who = if shown.subject.is_empty() {
            "satellite 整星".to_owned()
        } else {
            shown.subject.iter().map(|id| plain(id)).collect::<Vec<_>>().join(" ↔ ")
        };
        let status = if constraint.is_met() {
            "✓ met 满足".to_owned()
        } else {
            format!("✗ violated 超限 ({})", constraint.violations)
        };
        text += &format!(
            "| {english} {chinese} | {}{unit} | {sign} {}{unit} | {}{margin_unit} | {who} | {status} |\n",
            with_unit(shown.value, unit),
            with_unit(shown.limit, unit),
            signed(shown.margin),
        );
    }
    text
}

/// A margin is value less limit where the limit is a least value.
fn is_lower_limit(constraint: &StateConstraint) -> bool {
    let as_lower = (constraint.value - constraint.limit - constraint.margin).abs();
    let as_upper = (constraint.limit - constraint.value - constraint.margin).abs();
    as_lower < as_upper || matches!(constraint.group.as_str(), "clearance" | "boundary" | "collision")
}

fn unit(constraint: &StateConstraint) -> &'static str {
    match constraint.unit.as_str() {
        "mm" => " mm",
        "degC" => " °C",
        "kg" => " kg",
        "W" => " W",
        "deg" => "°",
        _ => "",
    }
}

/// Counts have no decimals.
fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() && value.fract() == 0.0 { format!("{value:.0}") } else { number(value) }
}

/// Where every component stands and how warm it is.
pub(crate) fn components(report: &Report<'_>) -> String {
    let mut text = String::from(
        "| # | id | name 名称 | panel 板 | x | y | z | power/W 功率 | temperature 温度 | limit 限值 | margin/K 裕度 | clearance/mm 间隙 |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let satellite = report.satellite;
    let rows = satellite.components.iter().zip(&report.layout.placements).zip(&report.evaluation.components);
    for (index, ((component, placement), state)) in rows.enumerate() {
        let [x, y, z] = placement.center_m.map(|value| value * 1000.0);
        let limit_k = physics::evaluate::component_limit_k(satellite, component);
        let clearance =
            state.clearance_m.map_or_else(|| "–".to_owned(), |clearance| number(clearance * 1000.0));
        let mark = if state.temp_margin_k < 0.0 { " ✗" } else { "" };
        text += &format!(
            "| {} | {} | {} | {} | {x:.1} | {y:.1} | {z:.1} | {} | {:.1} | {:.1} | {}{mark} | {clearance} |\n",
            index + 1,
            plain(&component.id),
            plain(&component.name),
            placement.panel.label(),
            number(component.power_w),
            state.temp_k - ZERO_CELSIUS_K,
            limit_k - ZERO_CELSIUS_K,
            signed(state.temp_margin_k),
        );
    }
    text
}

/// What the temperatures rest on.
pub(crate) fn thermal_world(report: &Report<'_>) -> String {
    let satellite = report.satellite;
    let thermal = &report.evaluation.thermal;
    let environment = &satellite.environment;
    let per_panel = |value: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..6).map(value).collect();
        if values.iter().all(|value| *value == values[0]) {
            return compact(values[0]);
        }
        let named =
            Panel::ALL.iter().map(|panel| format!("{} {}", panel.label(), compact(values[panel.index()])));
        named.collect::<Vec<_>>().join(", ")
    };
    let contacts = satellite.components.iter().map(|component| component.contact_conductance_w_per_m2_k);
    let emissivities = satellite.components.iter().map(|component| component.emissivity);
    let joint = satellite.edge_conductance_w_per_m_k;
    let mut rows = vec![
        ("panel k·t 面板导热率×厚度 / W/K", per_panel(&|panel| satellite.panels[panel].kt_w_per_k)),
        ("panel mass 面板面密度 / kg/m²", per_panel(&|panel| satellite.panels[panel].area_density_kg_per_m2)),
        ("emissivity outside 外表面发射率", per_panel(&|panel| satellite.panels[panel].outer_emissivity)),
        ("absorptivity outside 外表面吸收率", per_panel(&|panel| satellite.panels[panel].outer_absorptivity)),
        ("emissivity inside 内表面发射率", per_panel(&|panel| satellite.panels[panel].inner_emissivity)),
        (
            "joints between panels 面板接缝 / W/(m K)",
            if joint.is_finite() { compact(joint) } else { "perfect 理想".to_owned() },
        ),
        ("contact of components 组件接触换热 / W/(m² K)", span(contacts)),
        ("emissivity of components 组件发射率", span(emissivities)),
        ("straps 导热带", satellite.straps.len().to_string()),
        (
            "absorbed flux, hot case 热工况吸收热流 / W/m²",
            per_panel(&|panel| environment.hot_absorbed_w_per_m2[panel]),
        ),
        ("space 空间背景 / K", compact(environment.space_temp_k)),
        ("global limit 全局温度限值 / °C", compact(satellite.limits.max_temp_k - ZERO_CELSIUS_K)),
        ("uncertainty in margins 裕度中的不确定度 / K", compact(satellite.limits.temperature_uncertainty_k)),
        ("cells per panel 每板网格", format!("{0} × {0}", thermal.mesh)),
        ("heat in / out 热输入/输出 / W", format!("{:.4} / {:.4}", thermal.heat_in_w, thermal.heat_out_w)),
        ("energy balance 能量平衡误差", format!("{:.2e}", thermal.energy_balance)),
        ("model version 模型版本", report.evaluation.model_version.clone()),
    ];
    if let Some(orbit) = &environment.orbit {
        let words = format!("{:.0} km, β {:.1}°", orbit.altitude_m / 1000.0, orbit.beta_rad.to_degrees());
        rows.insert(10, ("orbit 轨道", words));
    }
    let mut text = String::from("| quantity 量 | value 值 |\n| --- | --- |\n");
    for (name, value) in rows {
        text += &format!("| {name} | {value} |\n");
    }
    text
}

/// The group in English and Chinese.
pub(crate) fn group_words(group: ConstraintGroup) -> (&'static str, &'static str) {
    match group {
        ConstraintGroup::Collision => ("collision", "碰撞"),
        ConstraintGroup::Clearance => ("clearance", "间隙"),
        ConstraintGroup::Boundary => ("envelope", "舱体包络"),
        ConstraintGroup::Thermal => ("temperature", "温度"),
        ConstraintGroup::CgLimit => ("centre of mass offset", "质心偏移"),
        ConstraintGroup::MissionKeepout => ("keep-out", "禁布区"),
        ConstraintGroup::Mounting => ("mounting", "安装方式"),
        ConstraintGroup::DistancePairs => ("distance of pairs", "组件间距"),
        ConstraintGroup::Separation => ("separation and symmetry", "分离与对称"),
        ConstraintGroup::Mass => ("mass", "质量"),
        ConstraintGroup::PowerPeak => ("power budget", "功率预算"),
    }
}

/// The smallest and the largest of the values, once when they are the same.
fn span(values: impl Iterator<Item = f64>) -> String {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match (low.is_finite(), low == high) {
        (false, _) => "–".to_owned(),
        (true, true) => compact(low),
        (true, false) => format!("{} … {}", compact(low), compact(high)),
    }
}

/// Four decimals at most.
fn compact(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn number(value: f64) -> String {
    if value.is_finite() { format!("{:.2}", value + 0.0) } else { "–".to_owned() }
}

fn signed(value: f64) -> String {
    if value.is_finite() { format!("{:+.2}", value + 0.0) } else { "–".to_owned() }
}
