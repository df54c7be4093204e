use model::{BomFormat, Component, Layout, LimitSet, PanelSet, Satellite, SystemConfig};
use optimize::{Checkpoint, Control, Iteration, Observer};
use physics::Evaluation;

/// Remembers what it hears and stops where it is told to.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) stop_at_start: bool,
    pub(crate) stop_after_calls: Option<usize>,
    pub(crate) stop_at_iteration: Option<u32>,
    pub(crate) calls: usize,
    pub(crate) started: usize,
    pub(crate) numbers: Vec<u32>,
    pub(crate) fractions: Vec<(u32, f64)>,
    pub(crate) scores: Vec<f64>,
    pub(crate) layouts: Vec<Layout>,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

impl Recorder {
    fn decide(&mut self) -> Control {
        self.calls += 1;
        match self.stop_after_calls {
            Some(limit) if self.calls >= limit => Control::Stop,
            _ => Control::Continue,
        }
    }
}

impl Observer for Recorder {
    fn started(&mut self, layout: &Layout, _: &Evaluation) -> Control {
        self.started += 1;
        self.layouts.push(layout.clone());
        let control = self.decide();
        if self.stop_at_start { Control::Stop } else { control }
    }

    fn progress(&mut self, number: u32, fraction: f64) -> Control {
        self.fractions.push((number, fraction));
        self.decide()
    }

    fn iteration(&mut self, iteration: &Iteration<'_>) -> Control {
        assert_eq!(iteration.checkpoint.iteration, iteration.number);
        self.numbers.push(iteration.number);
        self.scores.push(iteration.score);
        self.layouts.push(iteration.layout.clone());
        self.checkpoints.push(iteration.checkpoint.clone());
        let control = self.decide();
        if self.stop_at_iteration == Some(iteration.number) { Control::Stop } else { control }
    }
}

/// A satellite from the bytes of a JSON BOM, with all defaults.
pub(crate) fn read(bytes: &[u8]) -> Satellite {
    let bom = model::parse_bom(bytes, BomFormat::Json).expect("a valid BOM").value;
    model::assemble(Some(&bom), &SystemConfig::default(), &LimitSet::default()).expect("a satellite").value
}

/// A component of category payload that may stand anywhere.
pub(crate) fn box_of(id: &str, size_m: [f64; 3], mass_kg: f64, power_w: f64) -> Component {
    Component {
        id: id.to_owned(),
        name: id.to_owned(),
        category: "payload".to_owned(),
        size_m,
        mass_kg,
        power_w,
        power_min_w: 0.5 * power_w,
        power_peak_w: power_w,
        max_temp_k: None,
        min_temp_k: None,
        contact_conductance_w_per_m2_k: 150.0,
        emissivity: 0.8,
        outer_optics: None,
        allowed_panels: PanelSet::ALL,
        long_axis: None,
        fixed: None,
    }
}

/// A half-metre box with `count` different components, easy to lay out.
pub(crate) fn small_satellite(count: usize) -> Satellite {
    let components: Vec<serde_json::Value> = (0..count)
        .map(|index| {
            let step = index as f64;
            serde_json::json!({
                "id": format!("unit_{index}"), "name": format!("Unit {index}"), "category": "payload",
                "dimensions": {"x": 100.0 - 5.0 * step, "y": 80.0, "z": 40.0 + 5.0 * step},
                "mass": 1.0 + 0.3 * step, "power": 5.0 + 2.0 * step,
            })
        })
        .collect();
    let bom = serde_json::json!({
        "envelope": {"x": 500, "y": 500, "z": 500},
        "constraints": {"max_temp_c": 60, "min_clearance_mm": 5, "max_cg_offset_mm": 30, "max_power_w": 500},
        "components": components,
    });
    read(bom.to_string().as_bytes())
}
