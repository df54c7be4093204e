//! Clearance, mass properties and orbit against their golden files.

use model::satellite::Orbit;
use physics::geometry::OrientedBox;
use physics::mass::{Body, of_bodies};
use physics::orbit;

use crate::fixture::{golden, number, numbers, vec3};

#[test]
fn oriented_boxes_agree_with_brute_force() {
    let case = golden(include_str!("golden/obb_distance.json"));
    let tolerance_m = number(&case["tolerance_m"]);
    let pairs = case["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 60);
    for (index, pair) in pairs.iter().enumerate() {
        let [a, b] = ["1", "2"].map(|which| OrientedBox {
            center_m: vec3(&pair[format!("c{which}")]),
            half_m: vec3(&pair[format!("half{which}")]),
            orientation_wxyz: numbers(&pair[format!("q{which}_wxyz")]).try_into().expect("a quaternion"),
        });
        let (found, expected) = (a.clearance_m(&b), number(&pair["signed_distance"]));
        assert!((found - expected).abs() <= tolerance_m, "pair {index}: {found} instead of {expected}");
    }
}

#[test]
fn mass_properties_of_three_boxes() {
    let case = golden(include_str!("golden/mass_properties.json"));
    let bodies: Vec<Body> = case["inputs"]
        .as_array()
        .expect("boxes")
        .iter()
        .map(|item| {
            let (sin, cos) = number(&item[3]).to_radians().sin_cos();
            Body {
                mass_kg: number(&item[0]),
                size_m: vec3(&item[1]),
                center_m: vec3(&item[2]),
                rotation: [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]],
            }
        })
        .collect();
    let found = of_bodies(&bodies);
    let expected = &case["expect"];
    // Relative to the largest entry of each quantity: small entries are differences of large ones.
    let tolerance = number(&case["tolerance_rel"]);
    let close = |name: &str, found: f64, expected: f64, scale: f64| {
        assert!((found - expected).abs() <= tolerance * scale, "{name}: {found} instead of {expected}");
    };
    close("mass", found.mass_kg, number(&expected["mass"]), 10.5);
    for axis in 0..3 {
        close("cg", found.cg_m[axis], number(&expected["cg"][axis]), 0.025);
        close("principal", found.principal_inertia_kg_m2[axis], number(&expected["principal"][axis]), 0.25);
        for column in 0..3 {
            close("I", found.inertia_kg_m2[axis][column], number(&expected["I"][axis][column]), 0.22);
        }
    }
}

#[test]
fn circular_orbits() {
    let case = golden(include_str!("golden/orbit_environment.json"));
    let tolerance = number(&case["tolerance_rel"]);
    let close = |name: &str, found: f64, expected: f64| {
        let allowed = tolerance * expected.abs() + 1e-12;
        assert!((found - expected).abs() <= allowed, "{name}: {found} instead of {expected}");
    };
    for (name, expected) in case["cases"].as_object().expect("cases") {
        let altitude_m: f64 =
            name.trim_start_matches("orbit_").trim_end_matches("km").parse::<f64>().expect("an altitude")
                * 1e3;
        close(name, orbit::period_s(altitude_m), number(&expected["period_s"]));
        close(
            name,
            orbit::beta_without_eclipse_rad(altitude_m).to_degrees(),
            number(&expected["beta_star_deg"]),
        );
        close(name, orbit::plate_view_factor(altitude_m, 0.0), number(&expected["F_nadir"]));
        for (beta, fraction) in expected["eclipse_fraction"].as_object().expect("fractions") {
            let beta_rad = beta.parse::<f64>().expect("an angle").to_radians();
            close(name, orbit::eclipse_fraction(altitude_m, beta_rad), number(fraction));
        }
    }
    let allowed = number(&case["F_tilt_tolerance"]);
    for (tilt, expected) in case["F_plate_earth_500km_by_tilt_deg"].as_object().expect("tilts") {
        let found = orbit::plate_view_factor(500e3, tilt.parse::<f64>().expect("an angle").to_radians());
        let expected = number(expected);
        assert!((found - expected).abs() <= allowed, "tilt {tilt}: {found} instead of {expected}");
    }
}

#[test]
fn a_hot_orbit_is_hotter_than_a_cold_one_on_every_lit_panel() {
    let data = Orbit {
        altitude_m: 500e3,
        beta_rad: 0.39,
        solar_w_per_m2: [1414.0, 1322.0],
        albedo: [0.35, 0.25],
        earth_ir_w_per_m2: [258.0, 216.0],
    };
    let hot = orbit::incident_fluxes(&data, orbit::FluxCase::Hot);
    let cold = orbit::incident_fluxes(&data, orbit::FluxCase::Cold);
    for panel in model::Panel::ALL {
        let index = panel.index();
        assert!(hot.solar_w_per_m2[index] >= cold.solar_w_per_m2[index]);
        assert!(hot.infrared_w_per_m2[index] >= cold.infrared_w_per_m2[index]);
    }
}
