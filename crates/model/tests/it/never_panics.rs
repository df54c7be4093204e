//! No bytes make a reader panic, and what is accepted is sound.

use model::config::{Origin, SystemConfig};
use model::{BomFormat, LimitSet, assemble, examples, parse_bom, parse_config};
use proptest::prelude::*;
use serde_json::Value;

/// What must hold for whatever a reader says of `bytes`.
fn check(bytes: &[u8], format: BomFormat) {
    match parse_bom(bytes, format) {
        Ok(checked) => {
            assert!(checked.warnings.iter().all(|problem| !problem.is_error()));
            let bom = checked.value;
            assert!((1..=500).contains(&bom.num_components()));
            for entry in &bom.entries {
                assert!(entry.size_m.iter().all(|size| *size > 0.0 && size.is_finite()), "{entry:?}");
                assert!(entry.mass_kg > 0.0 && entry.power_w >= 0.0, "{entry:?}");
            }
            match assemble(Some(&bom), &SystemConfig::default(), &LimitSet::default()) {
                Ok(checked) => {
                    let text = serde_json::to_string(&checked.value).expect("JSON");
                    assert!(!text.contains("null,null"), "infinities became null: {text}");
                }
                Err(problems) => assert!(problems.iter().any(model::Problem::is_error)),
            }
        }
        Err(error) => {
            assert!(error.problems().iter().any(model::Problem::is_error));
            serde_json::to_string(error.problems()).expect("JSON");
        }
    }
}

/// An example with some bytes replaced: nearly right is where bugs live.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let texts = [
        model::template::bom_template(BomFormat::Json),
        model::template::bom_template(BomFormat::Csv),
        model::template::bom_template(BomFormat::Yaml),
        examples::SYSTEM_YAML,
    ];
    let change = (
        any::<prop::sample::Index>(),
        prop::sample::select(b"{}[]:,\"'\\-+.0189eENa \n&*#|<\xff\x00".to_vec()),
    );
    (prop::sample::select(texts.to_vec()), prop::collection::vec(change, 1..8)).prop_map(|(text, changes)| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// JSON values of any shape whose keys are those of a BOM.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1.0, 0.0, 0.5, 1.0, 2.0, 90.0, 1e6, 1e300]).prop_map(Value::from),
        prop::sample::select(vec!["a", "b", "a_01", "+X", "x", "y=0", "min_distance", ""])
            .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "id",
        "name",
        "dimensions",
        "x",
        "y",
        "z",
        "mass",
        "power",
        "category",
        "quantity",
        "components",
        "allowed_panels",
        "fixed",
        "fixed_position_min_mm",
        "thermal_contacts",
        "a",
        "b",
        "envelope",
        "panels",
        "+X",
        "relations",
        "type",
        "group",
        "mm",
        "plane",
        "keepouts",
        "min_mm",
        "max_mm",
        "exempt",
        "environment",
        "altitude_km",
        "constraints",
        "max_temp_c",
        "fov",
        "heater",
        "long_axis",
        "fixed_masses",
        "position",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in BomFormat::ALL {
            check(&bytes, format);
        }
        let _ = parse_config(&bytes, Origin::Client);
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}:,\"'&*#|>\\-?!%@a-c0-9.eE \n\t]{0,120}") {
        for format in BomFormat::ALL {
            check(text.as_bytes(), format);
        }
        let _ = parse_config(text.as_bytes(), Origin::Operator(&|_| Some("x".to_owned())));
    }

    #[test]
    fn no_damaged_file_panics(bytes in damaged()) {
        for format in BomFormat::ALL {
            check(&bytes, format);
        }
        let _ = parse_config(&bytes, Origin::Client);
    }

    #[test]
    fn no_value_panics(value in any_value(), more in any_value()) {
        let text = serde_json::to_string(&value).expect("JSON");
        check(text.as_bytes(), BomFormat::Json);
        check(text.as_bytes(), BomFormat::Yaml);
        // The same around a valid component, so that the sections are reached.
        let mut whole = serde_json::json!({"components": [crate::unit("a"), crate::unit("b")]});
        for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| *key != "components") {
            whole[key] = value.clone();
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            whole["components"][0][key] = value.clone();
        }
        check(whole.to_string().as_bytes(), BomFormat::Json);
        let _ = model::limits_from_value(&value, "/constraints");
    }
}
