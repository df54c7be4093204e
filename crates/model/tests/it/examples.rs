//! The files that ship with the program.

use model::examples::{EXAMPLES, SYSTEM_YAML, embedded_file, find};
use model::template::bom_template;
use model::{BomFormat, LimitSet, assemble, parse_bom, parse_config};

#[test]
fn every_embedded_example_becomes_a_satellite_without_a_suspicion() {
    let config = parse_config(SYSTEM_YAML.as_bytes(), model::config::Origin::Client).expect("valid").value;
    let (mut counts, mut totals) = (vec![], vec![]);
    for example in EXAMPLES {
        let checked = parse_bom(example.text.as_bytes(), example.format).expect(example.path);
        // Keys whose physics is not there yet are named; nothing else.
        assert!(
            checked.warnings.iter().all(|warning| warning.code == "not_evaluated_yet"),
            "{:#?}",
            checked.warnings
        );
        let satellite = assemble(Some(&checked.value), &config, &LimitSet::default()).expect(example.path);
        assert_eq!(satellite.warnings, [], "{}", example.path);
        counts.push(satellite.value.components.len());
        totals.push((checked.value.total_mass_kg(), checked.value.total_power_w()));
        assert_eq!(embedded_file(example.path), Some(example.text));
        assert_eq!(BomFormat::from_file_name(example.path).ok(), Some(example.format));
    }
    assert_eq!(counts, [2, 12, 25, 60]);
    assert_eq!(totals, [(7.1, 92.0), (3.71585, 20.5), (48.795, 124.014), (268.742, 611.4)]);
    assert!(find("nope.json").is_none() && embedded_file("config/system.yaml").is_some());
}

#[test]
fn the_examples_in_the_other_forms_are_valid() {
    for (text, format, count) in [
        (include_str!("../../../../examples/boms/demo_payload.yaml"), BomFormat::Yaml, 6),
        (include_str!("../../../../examples/boms/demo_units.csv"), BomFormat::Csv, 9),
    ] {
        let checked = parse_bom(text.as_bytes(), format).expect("valid");
        assert_eq!(checked.warnings, []);
        assert_eq!(checked.value.num_components(), count);
    }
}

#[test]
fn each_template_has_two_entries_and_parses_without_a_message() {
    let mut all = vec![];
    for format in BomFormat::ALL {
        let checked = parse_bom(bom_template(format).as_bytes(), format).expect("valid");
        assert_eq!(checked.warnings, []);
        assert_eq!(checked.value.entries.len(), 2);
        let plain =
            |entry: &model::bom::BomEntry| (entry.id.clone(), entry.size_m, entry.mass_kg, entry.quantity);
        all.push(checked.value.entries.iter().map(plain).collect::<Vec<_>>());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
}

#[test]
fn fixed_units_of_the_bus_stand_on_their_panels() {
    let text = find("examples/boms/bus_60.json").expect("embedded").text;
    let bom = parse_bom(text.as_bytes(), BomFormat::Json).expect("valid").value;
    let satellite = assemble(Some(&bom), &Default::default(), &LimitSet::default()).expect("valid").value;
    let fixed: Vec<String> = satellite
        .components
        .iter()
        .filter_map(|component| {
            let placement = component.fixed?;
            let corner = placement.min_corner_m(component.size_m).map(|value| (value * 1000.0).round());
            Some(format!("{} {} {corner:?}", component.id, placement.panel.label()))
        })
        .collect();
    assert_eq!(
        fixed,
        [
            "tank -Z [-175.0, -175.0, -600.0]",
            "sada_1 +Y [-210.0, 445.0, -185.0]",
            "sada_2 -Y [-210.0, -600.0, -185.0]"
        ]
    );
}
