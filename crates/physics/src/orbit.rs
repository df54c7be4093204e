use model::Panel;
use model::satellite::Orbit;

/// Equatorial radius of the Earth (WGS 84), m.
pub const EARTH_RADIUS_M: f64 = 6_378_137.0;
/// Gravitational parameter of the Earth, m³/s².
pub const EARTH_MU_M3_PER_S2: f64 = 3.986_004_418e14;

/// Orbit means of what falls on the outside of each panel, W/m², before the
/// panel's optics, by [`Panel::index`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IncidentFluxes {
    /// Sunlight, direct and reflected by the Earth.
    pub solar_w_per_m2: [f64; 6],
    /// Infrared of the Earth.
    pub infrared_w_per_m2: [f64; 6],
}

/// Which of the two values of an orbit's fluxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FluxCase {
    /// The hot case, index 0.
    Hot,
    /// The cold case, index 1.
    Cold,
}

/// Period of a circular orbit, s.
pub fn period_s(altitude_m: f64) -> f64 {
    let radius = EARTH_RADIUS_M + altitude_m;
    std::f64::consts::TAU * (radius * radius * radius / EARTH_MU_M3_PER_S2).sqrt()
}

/// The angle between Sun and orbit plane above which there is no eclipse, rad.
pub fn beta_without_eclipse_rad(altitude_m: f64) -> f64 {
    (EARTH_RADIUS_M / (EARTH_RADIUS_M + altitude_m)).asin()
}

/// Share of a circular orbit in the Earth's cylindrical shadow.
pub fn eclipse_fraction(altitude_m: f64, beta_rad: f64) -> f64 {
    eclipse_half_angle_rad(altitude_m, beta_rad) / std::f64::consts::PI
}

fn eclipse_half_angle_rad(altitude_m: f64, beta_rad: f64) -> f64 {
    let radius = EARTH_RADIUS_M + altitude_m;
    let horizon = (altitude_m * (altitude_m + 2.0 * EARTH_RADIUS_M)).sqrt() / radius;
    let cos_beta = beta_rad.cos();
    if horizon < cos_beta { (horizon / cos_beta).acos() } else { 0.0 }
}

/// View factor from a small plate to the Earth. `tilt_rad` is the angle between
/// the plate's normal and nadir.
///
/// With H = (R + h) / R: cos γ / H² while the whole Earth is above the plate's
/// horizon, 0 when none of it is, else the partial form for a plate and a
/// sphere.
pub fn plate_view_factor(altitude_m: f64, tilt_rad: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    let h = (EARTH_RADIUS_M + altitude_m) / EARTH_RADIUS_M;
    let tilt = tilt_rad.abs();
    let half_cone = (1.0 / h).asin();
    if tilt + half_cone <= FRAC_PI_2 {
        return tilt.cos() / (h * h);
    }
    if tilt - half_cone >= FRAC_PI_2 {
        return 0.0;
    }
    let x = (h * h - 1.0).sqrt();
    let (sin, cos) = tilt.sin_cos();
    let y = (-x * cos / sin).clamp(-1.0, 1.0);
    let root = (1.0 - y * y).sqrt();
    (cos * y.acos() - x * sin * root) / (PI * h * h) + (sin * root / x).atan() / PI
}

/// Orbit means on the six panels of a satellite that keeps +Z to nadir and +X
/// along the velocity; +Y is then against the orbit normal. A positive beta is
/// the Sun on the side of the orbit normal.
///
/// Direct sunlight is integrated exactly over the sunlit arc. Albedo uses the
/// sub-satellite point: the whole visible Earth is taken to be as bright as the
/// point below, albedo × S × cos(solar zenith angle).
pub fn incident_fluxes(orbit: &Orbit, case: FluxCase) -> IncidentFluxes {
    use std::f64::consts::{FRAC_PI_2, PI};
    let index = case as usize;
    let solar = orbit.solar_w_per_m2[index];
    let (sin_beta, cos_beta) = orbit.beta_rad.sin_cos();
    let half = eclipse_half_angle_rad(orbit.altitude_m, orbit.beta_rad);
    let sunlit = 1.0 - half / PI;
    // Orbit mean of max(0, n·s) for each panel; s turns once per orbit.
    let mut direct = [0.0; 6];
    for panel in [Panel::XMinus, Panel::XPlus] {
        direct[panel.index()] = cos_beta * (1.0 + half.cos()) / (2.0 * PI);
    }
    direct[Panel::YMinus.index()] = sin_beta.max(0.0) * sunlit;
    direct[Panel::YPlus.index()] = (-sin_beta).max(0.0) * sunlit;
    direct[Panel::ZMinus.index()] = cos_beta / PI;
    direct[Panel::ZPlus.index()] = cos_beta * (1.0 - half.sin()) / PI;
    let mean_cos_zenith = cos_beta / PI;
    let mut fluxes = IncidentFluxes { solar_w_per_m2: [0.0; 6], infrared_w_per_m2: [0.0; 6] };
    for panel in Panel::ALL {
        let tilt = match panel {
            Panel::ZPlus => 0.0,
            Panel::ZMinus => PI,
            _ => FRAC_PI_2,
        };
        let view = plate_view_factor(orbit.altitude_m, tilt);
        fluxes.solar_w_per_m2[panel.index()] =
            solar * (direct[panel.index()] + orbit.albedo[index] * view * mean_cos_zenith);
        fluxes.infrared_w_per_m2[panel.index()] = orbit.earth_ir_w_per_m2[index] * view;
    }
    fluxes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORBIT: Orbit = Orbit {
        altitude_m: 500e3,
        beta_rad: 0.5,
        solar_w_per_m2: [1400.0, 1300.0],
        albedo: [0.0, 0.0],
        earth_ir_w_per_m2: [250.0, 200.0],
    };

    #[test]
    fn the_means_agree_with_a_sum_over_the_orbit() {
        for beta_rad in [-1.3, -0.4, 0.0, 0.7, 1.5] {
            let orbit = Orbit { beta_rad, ..ORBIT };
            let found = incident_fluxes(&orbit, FluxCase::Hot).solar_w_per_m2;
            let steps = 200_000;
            let mut sums = [0.0; 6];
            let radius = EARTH_RADIUS_M + orbit.altitude_m;
            for step in 0..steps {
                let theta = std::f64::consts::TAU * (f64::from(step) + 0.5) / f64::from(steps);
                let up = beta_rad.cos() * theta.cos();
                let in_shadow = up < 0.0 && radius * (1.0 - up * up).sqrt() < EARTH_RADIUS_M;
                if in_shadow {
                    continue;
                }
                let sun = [-beta_rad.cos() * theta.sin(), -beta_rad.sin(), -up];
                for panel in Panel::ALL {
                    let facing = panel.outward_sign() * sun[panel.normal_axis()];
                    sums[panel.index()] += facing.max(0.0) * 1400.0 / f64::from(steps);
                }
            }
            for panel in Panel::ALL {
                let (expected, found) = (sums[panel.index()], found[panel.index()]);
                assert!((expected - found).abs() < 0.02, "{beta_rad} {}: {expected} {found}", panel.label());
            }
        }
    }

    #[test]
    fn the_zenith_panel_sees_no_earth() {
        let fluxes = incident_fluxes(&ORBIT, FluxCase::Cold);
        assert_eq!(fluxes.infrared_w_per_m2[Panel::ZMinus.index()], 0.0);
        assert!(fluxes.infrared_w_per_m2[Panel::ZPlus.index()] > 100.0);
    }
}
