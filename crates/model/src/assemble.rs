//! From files to a [`Satellite`]: quantities expanded, defaults filled in,
//! ids turned into indices.

mod envelope;
mod fixed;
mod panels;
mod references;

use crate::bom::{BomEntry, MAX_COMPONENTS};
use crate::component::OuterOptics;
use crate::satellite::{Environment, Limits};
use crate::{Bom, Checked, Component, LimitSet, PanelSet, Problem, Satellite, SystemConfig};

use references::Units;

/// Limits where no task, BOM or configuration states one.
const DEFAULT_MAX_TEMP_C: f64 = 65.0;
const DEFAULT_UNCERTAINTY_K: f64 = 10.0;
const DEFAULT_MIN_CLEARANCE_MM: f64 = 6.0;
const DEFAULT_MAX_CG_OFFSET_MM: f64 = 20.0;
const DEFAULT_MAX_POWER_W: f64 = 200.0;

/// Builds the problem that a layout answers. Limits of the task count before
/// those of the BOM, these before the configuration's. Without a BOM the
/// configuration's components are taken.
///
/// Something impossible but well-formed, such as a component longer than the
/// envelope, is a warning: the search shows how far from feasible it is.
pub fn assemble(
    bom: Option<&Bom>,
    config: &SystemConfig,
    task: &LimitSet,
) -> Result<Checked<Satellite>, Vec<Problem>> {
    let empty = Bom::default();
    let pointer = if bom.is_some() { "/components" } else { "/geometry/components" };
    let source = bom.unwrap_or(&empty);
    let entries = if bom.is_some() { &source.entries } else { &config.components };
    let count: usize = entries.iter().map(|entry| entry.quantity as usize).sum();
    if count == 0 || count > MAX_COMPONENTS {
        return Err(vec![wrong_count(count, bom.is_some())]);
    }
    let mut problems: Vec<Problem> = Vec::new();
    let units = Units::new(entries);
    let envelope = match envelope::envelope(source, entries, config) {
        Ok(envelope) => envelope,
        Err(problem) => return Err(vec![*problem]),
    };
    let (panels, edge_conductance_w_per_m_k) = panels::panels(source, config);
    let mut components = Vec::with_capacity(count);
    for (at, entry) in entries.iter().enumerate() {
        let place = source.entry_places.get(at).copied().flatten();
        let fixed = match fixed::placement(entry, &envelope, &format!("{pointer}/{at}")) {
            Ok(fixed) => fixed,
            Err(problem) => {
                problems.push((*problem).on_line(place).of_component(&entry.id));
                None
            }
        };
        for id in entry.unit_ids() {
            components.push(Component { fixed, ..component(id, entry, config) });
        }
        for problem in envelope::fit_warnings(entry, &envelope, fixed, &format!("{pointer}/{at}")) {
            problems.push(problem.on_line(place).of_component(&entry.id));
        }
    }
    problems.extend(fixed::overlap_warnings(&components, pointer));
    problems.extend(envelope::crowding_warnings(&components, &envelope, pointer));
    let (straps, conflicts) = references::straps(entries, &units, &components, pointer);
    problems.extend(conflicts);
    problems.extend(references::too_many_relations(source, &units));
    problems.extend(power_limit_without_effect(task, &source.limits));
    let satellite = Satellite {
        name: (source.scenario_id.clone().or_else(|| config.project_name.clone()))
            .unwrap_or_else(|| "satellite".to_owned()),
        straps,
        keep_outs: references::keep_outs(source, config, &units, &envelope),
        fixed_masses: references::fixed_masses(source),
        relations: if problems.iter().any(Problem::is_error) {
            vec![]
        } else {
            references::relations(source, &units)
        },
        environment: environment(source, config, &panels),
        limits: limits(task, &source.limits, &config.limits),
        start_spacing_m: config.start_spacing_m,
        envelope,
        panels,
        edge_conductance_w_per_m_k,
        components,
    };
    if problems.iter().any(Problem::is_error) {
        problems.sort_by_key(|problem| !problem.is_error());
        return Err(problems);
    }
    Ok(Checked { value: satellite, warnings: problems })
}

/// A power limit that the task or the BOM states while nobody says whether it
/// is to be enforced.
fn power_limit_without_effect(task: &LimitSet, bom: &LimitSet) -> Option<Problem> {
    let stated = task.or(bom);
    let limit_w = stated.max_power_w.filter(|_| stated.enforce_power_budget.is_none())?;
    Some(
        Problem::warning(
            "limits.no_effect",
            format!("max_power_w（{limit_w} W）未生效：未设置 enforce_power_budget"),
            format!("max_power_w ({limit_w} W) has no effect: enforce_power_budget is not set"),
        )
        .at("/constraints/max_power_w")
        .found(limit_w.to_string(), "any value, with enforce_power_budget true or false")
        .fix("add \"enforce_power_budget\": true beside it"),
    )
}

fn wrong_count(count: usize, has_bom: bool) -> Problem {
    let allowed = format!("1 to {MAX_COMPONENTS} components");
    if count > 0 {
        return Problem::error(
            "bom.too_many_components",
            format!("组件过多: {count}，最多 {MAX_COMPONENTS} 个（数量展开后）"),
            format!("too many components: {count}, at most {MAX_COMPONENTS} after quantity expansion"),
        )
        .found(count.to_string(), allowed);
    }
    let (zh, en) = if has_bom {
        ("组件列表为空", "the list of components is empty")
    } else {
        ("没有BOM，配置文件中也没有组件", "there is no BOM, and the configuration has no components")
    };
    Problem::error("bom.empty", zh, en).found("no component", allowed)
}

fn component(id: String, entry: &BomEntry, config: &SystemConfig) -> Component {
    let extras = &entry.extras;
    // A component of category `thermal` with an emissivity is a doubler whose
    // optics the panel's outer face takes over.
    let is_doubler = entry.category.trim().eq_ignore_ascii_case("thermal");
    let outer_optics = extras.emissivity.filter(|_| is_doubler).map(|emissivity| OuterOptics {
        emissivity,
        absorptivity: extras.absorptivity.unwrap_or(config.thermal.outer_absorptivity),
    });
    Component {
        id,
        name: entry.name.clone(),
        category: entry.category.clone(),
        size_m: entry.size_m,
        mass_kg: entry.mass_kg,
        power_w: entry.power_w,
        power_min_w: extras.power_min_w.unwrap_or(0.5 * entry.power_w),
        power_peak_w: extras.power_peak_w.unwrap_or(entry.power_w),
        max_temp_k: entry.max_temp_k,
        min_temp_k: extras.min_temp_k,
        contact_conductance_w_per_m2_k: extras
            .contact_conductance_w_per_m2_k
            .unwrap_or(config.thermal.contact_conductance_w_per_m2_k),
        emissivity: extras.emissivity.unwrap_or(config.thermal.component_emissivity),
        outer_optics,
        allowed_panels: extras.allowed_panels.unwrap_or(PanelSet::ALL),
        long_axis: extras.long_axis,
        fixed: None,
    }
}

fn environment(
    bom: &Bom,
    config: &SystemConfig,
    panels: &[crate::satellite::PanelProperties; 6],
) -> Environment {
    let thermal = &config.thermal;
    // The default fluxes are what a face of the reference absorptivity takes;
    // a face that absorbs more takes more in proportion.
    let scaled = |flux: f64, absorptivity: f64| flux * absorptivity / crate::config::REFERENCE_ABSORPTIVITY;
    Environment {
        space_temp_k: thermal.space_temp_k,
        hot_absorbed_w_per_m2: panels
            .map(|panel| scaled(thermal.hot_absorbed_w_per_m2, panel.outer_absorptivity)),
        cold_absorbed_w_per_m2: panels
            .map(|panel| scaled(thermal.cold_absorbed_w_per_m2, panel.outer_absorptivity_bol)),
        orbit: bom.orbit.or(config.orbit),
    }
}

fn limits(task: &LimitSet, bom: &LimitSet, config: &LimitSet) -> Limits {
    let stated = task.or(bom).or(config);
    Limits {
        max_temp_k: stated.max_temp_k.unwrap_or(crate::file_units::k_from_c(DEFAULT_MAX_TEMP_C)),
        temperature_uncertainty_k: stated.temperature_uncertainty_k.unwrap_or(DEFAULT_UNCERTAINTY_K),
        min_clearance_m: stated
            .min_clearance_m
            .unwrap_or(crate::file_units::m_from_mm(DEFAULT_MIN_CLEARANCE_MM)),
        max_cg_offset_m: stated
            .max_cg_offset_m
            .unwrap_or(crate::file_units::m_from_mm(DEFAULT_MAX_CG_OFFSET_MM)),
        cg_limits_m: stated.cg_limits_m,
        max_mass_kg: stated.max_mass_kg,
        max_power_w: Some(stated.max_power_w.unwrap_or(DEFAULT_MAX_POWER_W)),
        enforce_power_budget: stated.enforce_power_budget.unwrap_or(false),
    }
}
