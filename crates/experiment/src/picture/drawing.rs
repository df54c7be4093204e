use model::{Layout, Satellite, ZERO_CELSIUS_K};
use physics::Evaluation;

use super::fonts::Fonts;
use super::palette::{BLUE, GREEN, INK, MUTED, RED, TemperatureScale};
use super::svg::{Anchor, Color, Svg, TextStyle};
use crate::evolution::EvolutionRow;

/// Width of every image, pixels.
pub(crate) const WIDTH: u32 = 2080;
/// Height of every image, pixels.
pub(crate) const HEIGHT: u32 = 1480;

/// Millimetres in a metre.
pub(crate) const MM_PER_M: f64 = 1000.0;

/// What the images are drawn from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawing<'a> {
    pub(crate) satellite: &'a Satellite,
    pub(crate) layout: &'a Layout,
    pub(crate) evaluation: &'a Evaluation,
    /// The start (iteration 0) and every iteration.
    pub(crate) history: &'a [EvolutionRow],
    pub(crate) seed: u64,
    pub(crate) score: f64,
    pub(crate) fonts: &'a Fonts,
}

impl Drawing<'_> {
    /// The English text, followed by the Chinese one where it can be drawn.
    pub(crate) fn both(&self, english: &str, chinese: &str) -> String {
        if self.fonts.shows_chinese() { format!("{english} {chinese}") } else { english.to_owned() }
    }

    /// How a component is called in an image: its name when that is Chinese and
    /// can be drawn, its id otherwise.
    pub(crate) fn label(&self, component: usize) -> &str {
        let component = &self.satellite.components[component];
        let chinese = component.name.chars().any(super::svg::is_chinese);
        if chinese && self.fonts.can_show(&component.name) { &component.name } else { &component.id }
    }

    pub(crate) fn temp_c(&self, component: usize) -> f64 {
        self.evaluation.components[component].temp_k - ZERO_CELSIUS_K
    }

    pub(crate) fn limit_c(&self) -> f64 {
        self.satellite.limits.max_temp_k - ZERO_CELSIUS_K
    }

    /// Whether the component itself breaks a limit of temperature, clearance or
    /// containment.
    pub(crate) fn is_in_violation(&self, component: usize) -> bool {
        let state = &self.evaluation.components[component];
        state.temp_margin_k < 0.0
            || state.clearance_m.is_some_and(|clearance_m| {
                clearance_m < self.satellite.limits.min_clearance_m - physics::geometry::LENGTH_TOLERANCE_M
            })
            || state.containment_m < -physics::geometry::LENGTH_TOLERANCE_M
    }

    /// Index of the hottest component.
    pub(crate) fn hottest(&self) -> Option<usize> {
        (0..self.evaluation.components.len()).max_by(|a, b| self.temp_c(*a).total_cmp(&self.temp_c(*b)))
    }

    /// The scale of the components' temperatures.
    pub(crate) fn component_scale(&self) -> TemperatureScale {
        TemperatureScale::over((0..self.evaluation.components.len()).map(|component| self.temp_c(component)))
    }

    /// Title, what was searched, and whether it is feasible.
    pub(crate) fn header(&self, svg: &mut Svg, english: &str, chinese: &str) {
        let title = TextStyle::new(42.0, INK).bold();
        svg.text([56.0, 72.0], english, title);
        if self.fonts.shows_chinese() {
            let x = 56.0 + self.fonts.width(english, 42.0, true) + 24.0;
            svg.text([x, 72.0], chinese, TextStyle::new(36.0, MUTED));
        }
        let name = if self.fonts.can_show(&self.satellite.name) { self.satellite.name.trim() } else { "" };
        let [x, y, z] = self.satellite.envelope.inner_size_m.map(|size| size * 1000.0);
        let facts = [
            name.to_owned(),
            format!("{} {}", self.satellite.components.len(), self.both("components", "组件")),
            format!("{} {x:.0} × {y:.0} × {z:.0} mm", self.both("envelope", "舱体包络")),
            format!("{:.2} kg", self.evaluation.component_mass_kg),
            format!("{:.1} W", self.evaluation.total_power_w),
            format!("{} {}", self.both("seed", "种子"), self.seed),
            format!("{} {:.4}", self.both("score", "评分"), self.score),
        ];
        let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
        let line = self.fonts.fitted(&facts.join("  ·  "), 21.0, false, 1560.0);
        svg.text([56.0, 114.0], &line, TextStyle::new(21.0, MUTED));
        self.verdict(svg);
    }

    /// A pill at the upper right: a sign, a word and a color.
    fn verdict(&self, svg: &mut Svg) {
        let violations = self.evaluation.num_violations();
        let (sign, text, color): (&str, String, Color) = if self.evaluation.is_feasible() {
            ("✓", self.both("feasible", "可行"), GREEN)
        } else {
            let noun = if violations == 1 { "violation" } else { "violations" };
            ("✗", self.both(&format!("infeasible, {violations} {noun}"), "不可行"), RED)
        };
        let text = format!("{sign}  {text}");
        let width = self.fonts.width(&text, 24.0, true) + 48.0;
        let x = f64::from(WIDTH) - 56.0 - width;
        svg.rounded([x, 40.0, width, 50.0], 25.0, Some((color, 1.0)), None);
        svg.text(
            [x + 0.5 * width, 74.0],
            &text,
            TextStyle::new(24.0, Color::WHITE).bold().anchored(Anchor::Middle),
        );
        let version = format!("{} {}", self.both("model", "模型"), self.evaluation.model_version);
        svg.text(
            [f64::from(WIDTH) - 56.0, 116.0],
            &version,
            TextStyle::new(18.0, MUTED).anchored(Anchor::End),
        );
    }

    /// A disc with a component's number, counted from 1.
    pub(crate) fn badge(&self, svg: &mut Svg, center: [f64; 2], component: usize, radius: f64) {
        let edge = if self.is_in_violation(component) { RED } else { INK };
        let stroke = super::svg::Stroke::new(edge, if edge == RED { 3.0 } else { 1.6 });
        svg.circle(center, radius, Some(Color::WHITE), Some(stroke));
        let size = radius * if component + 1 >= 100 { 0.95 } else { 1.12 };
        let style = TextStyle::new(size, edge).bold().anchored(Anchor::Middle);
        svg.text([center[0], center[1] + 0.36 * size], &(component + 1).to_string(), style);
    }
}

/// The color of a quantity's line where temperature is not the theme.
pub(crate) const LINE: Color = BLUE;
