use model::satellite::{KeepOut, Relation, Strap};
use model::{BomFormat, LimitSet, Satellite, SystemConfig};

/// A half-metre box with `count` different components and one of every rule.
pub(crate) fn satellite(count: usize) -> Satellite {
    let components: Vec<serde_json::Value> = (0..count)
        .map(|index| {
            let step = index as f64;
            serde_json::json!({
                "id": format!("unit_{index}"), "name": format!("Unit {index}"), "category": "payload",
                "dimensions": {"x": 120.0 - 4.0 * step, "y": 80.0, "z": 40.0 + 5.0 * step},
                "mass": 1.0 + 0.3 * step, "power": 5.0 + 4.0 * step,
            })
        })
        .collect();
    let bom = serde_json::json!({
        "envelope": {"x": 500, "y": 480, "z": 520},
        "constraints": {"max_temp_c": 30, "min_clearance_mm": 5, "max_cg_offset_mm": 10, "max_power_w": 900},
        "components": components,
    });
    let bom = model::parse_bom(bom.to_string().as_bytes(), BomFormat::Json).expect("a valid BOM").value;
    let mut satellite = model::assemble(Some(&bom), &SystemConfig::default(), &LimitSet::default())
        .expect("a satellite")
        .value;
    satellite.keep_outs.push(KeepOut {
        tag: "antenna".to_owned(),
        min_m: [-0.2, -0.2, 0.1],
        max_m: [0.2, 0.0, 0.26],
        exempt: vec![0],
    });
    satellite.relations = vec![
        Relation::MinDistance { a: 0, b: 1, distance_m: 0.2 },
        Relation::MaxDistance { a: 1, b: 2, distance_m: 0.1 },
        Relation::DifferentPanel { group: vec![0, 2, 3] },
        Relation::DifferentDirection { group: vec![1, 3], min_angle_rad: 1.0 },
        Relation::SymmetricPair { a: 3, b: 4, axis: 0 },
    ];
    satellite.straps.push(Strap { a: 1, b: 3, conductance_w_per_k: 0.8 });
    satellite.straps.push(Strap { a: 3, b: 4, conductance_w_per_k: 0.3 });
    satellite
}
