use ::model::{Layout, Panel, Satellite};

use crate::Error;

/// Refuses numbers that the thermal balance cannot be made of. A checked
/// satellite has none of them; this guards callers that build one by hand.
pub(super) fn check(satellite: &Satellite) -> Result<(), Error> {
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        let envelope = &satellite.envelope;
        positive(|| format!("envelope inner size {name}, m"), envelope.inner_size_m[axis])?;
        positive(|| format!("envelope outer size {name}, m"), envelope.outer_size_m[axis])?;
    }
    let joint = satellite.edge_conductance_w_per_m_k;
    if joint.is_nan() || joint < 0.0 {
        return Err(input("joint conductance, W/(m K)".into(), joint, "at least 0, or infinite"));
    }
    not_negative(|| "temperature of space, K".into(), satellite.environment.space_temp_k)?;
    for panel in Panel::ALL {
        let properties = &satellite.panels[panel.index()];
        let of = |name: &str| format!("{name} of panel {}", panel.label());
        not_negative(|| of("k t, W/K"), properties.kt_w_per_k)?;
        share(|| of("outer emissivity"), properties.outer_emissivity)?;
        share(|| of("outer absorptivity"), properties.outer_absorptivity)?;
        share(|| of("inner emissivity"), properties.inner_emissivity)?;
        let flux = satellite.environment.hot_absorbed_w_per_m2[panel.index()];
        not_negative(|| of("absorbed flux, W/m2"), flux)?;
    }
    if let Some(orbit) = &satellite.environment.orbit {
        positive(|| "orbit altitude, m".into(), orbit.altitude_m)?;
        finite(|| "orbit beta, rad".into(), orbit.beta_rad)?;
        not_negative(|| "solar flux, W/m2".into(), orbit.solar_w_per_m2[0])?;
        not_negative(|| "albedo".into(), orbit.albedo[0])?;
        not_negative(|| "infrared flux of the Earth, W/m2".into(), orbit.earth_ir_w_per_m2[0])?;
    }
    for component in &satellite.components {
        let of = |name: &str| format!("{name} of component {}", component.id);
        for side in component.size_m {
            positive(|| of("size, m"), side)?;
        }
        not_negative(|| of("power, W"), component.power_w)?;
        not_negative(|| of("contact conductance, W/(m2 K)"), component.contact_conductance_w_per_m2_k)?;
        share(|| of("emissivity"), component.emissivity)?;
        if let Some(optics) = component.outer_optics {
            share(|| of("outer emissivity"), optics.emissivity)?;
            share(|| of("outer absorptivity"), optics.absorptivity)?;
        }
    }
    for strap in &satellite.straps {
        not_negative(
            || format!("strap between components {} and {}, W/K", strap.a, strap.b),
            strap.conductance_w_per_k,
        )?;
    }
    Ok(())
}

/// Refuses positions that are not numbers.
pub(super) fn check_layout(layout: &Layout) -> Result<(), Error> {
    for (index, placement) in layout.placements.iter().enumerate() {
        for value in placement.center_m {
            finite(|| format!("center of placement {index}, m"), value)?;
        }
    }
    Ok(())
}

fn input(what: String, value: f64, allowed: &'static str) -> Error {
    Error::Input { what, value, allowed }
}

fn finite(what: impl Fn() -> String, value: f64) -> Result<(), Error> {
    if value.is_finite() { Ok(()) } else { Err(input(what(), value, "a finite number")) }
}

fn positive(what: impl Fn() -> String, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(input(what(), value, "above 0")) }
}

fn not_negative(what: impl Fn() -> String, value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 { Ok(()) } else { Err(input(what(), value, "at least 0")) }
}

fn share(what: impl Fn() -> String, value: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(input(what(), value, "0 to 1")) }
}
