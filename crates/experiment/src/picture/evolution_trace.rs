use super::chart::{Chart, Side, card, range};
use super::drawing::{Drawing, HEIGHT, LINE, MM_PER_M, WIDTH};
use super::palette::{FRAME, GREEN, INK, MUTED, ORANGE, RED};
use super::svg::Svg;
use crate::evolution::EvolutionRow;

const CARD_WIDTH: f64 = 972.0;
const CARD_HEIGHT: f64 = 636.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 1052.0;
const UPPER: f64 = 146.0;
const LOWER: f64 = 804.0;

/// Temperature, clearance, centre of mass offset, violations and score over
/// the iterations.
pub(crate) fn draw(drawing: &Drawing<'_>) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    drawing.header(&mut svg, "Evolution of the search", "搜索过程");
    temperature(&mut svg, drawing);
    clearance(&mut svg, drawing);
    offset(&mut svg, drawing);
    violations_and_score(&mut svg, drawing);
    svg.finish()
}

fn temperature(svg: &mut Svg, drawing: &Drawing<'_>) {
    let points = series(drawing, |row| Some(row.max_temp_c));
    let limit = drawing.limit_c();
    let title = drawing.both("Hottest component / °C", "最高温度");
    let value = newest(&points, "°C");
    let color = if drawing.evaluation.worst_temp_margin_k() < 0.0 { RED } else { LINE };
    let area = card(svg, [LEFT, UPPER, CARD_WIDTH, CARD_HEIGHT], &title, &value, color);
    let chart = chart(area, drawing, range(values(&points).chain([limit]), None));
    chart.frame(svg, &drawing.both("iteration", "迭代"));
    let uncertainty = drawing.satellite.limits.temperature_uncertainty_k;
    let name = format!("{} {limit:.1} °C", drawing.both("limit", "限值"));
    chart.limit(svg, limit, (&name, drawing.fonts.width(&name, 18.0, false)), Side::Above, &points);
    if uncertainty > 0.0 && limit - uncertainty > chart.y_range[0] {
        let y = chart.y(limit - uncertainty);
        let [left, _, width, _] = chart.area;
        svg.line([left, y], [left + width, y], super::svg::Stroke::new(ORANGE, 2.0).dashed("4 7"));
        let name = format!(
            "{} − {uncertainty:.0} K {}",
            drawing.both("limit", "限值"),
            drawing.both("uncertainty", "不确定度")
        );
        chart.line_name(
            svg,
            limit - uncertainty,
            (&name, drawing.fonts.width(&name, 18.0, false)),
            ORANGE,
            &points,
        );
    }
    chart.series(svg, &points, LINE);
}

fn clearance(svg: &mut Svg, drawing: &Drawing<'_>) {
    let points = series(drawing, |row| row.min_clearance_mm);
    let limit = drawing.satellite.limits.min_clearance_m * MM_PER_M;
    let title = drawing.both("Smallest clearance / mm", "最小间隙");
    let value = newest(&points, "mm");
    let color = if points.last().is_some_and(|point| point[1] < limit - 1e-6) { RED } else { LINE };
    let area = card(svg, [RIGHT, UPPER, CARD_WIDTH, CARD_HEIGHT], &title, &value, color);
    let chart = chart(area, drawing, range(values(&points).chain([limit, 0.0]), Some(0.0)));
    chart.frame(svg, &drawing.both("iteration", "迭代"));
    let name = format!("{} {limit:.1} mm", drawing.both("limit", "限值"));
    chart.limit(svg, limit, (&name, drawing.fonts.width(&name, 18.0, false)), Side::Below, &points);
    if points.is_empty() {
        let text = drawing.both("one component: no clearance", "单个组件，无间隙");
        let style = super::svg::TextStyle::new(22.0, MUTED).anchored(super::svg::Anchor::Middle);
        svg.text([area[0] + 0.5 * area[2], area[1] + 0.4 * area[3]], &text, style);
    }
    chart.series(svg, &points, LINE);
}

fn offset(svg: &mut Svg, drawing: &Drawing<'_>) {
    let points = series(drawing, |row| Some(row.cg_offset_mm));
    let limit = drawing.satellite.limits.max_cg_offset_m * MM_PER_M;
    let title = drawing.both("Centre of mass offset / mm", "质心偏移");
    let value = newest(&points, "mm");
    let color = if points.last().is_some_and(|point| point[1] > limit + 1e-6) { RED } else { LINE };
    let area = card(svg, [LEFT, LOWER, CARD_WIDTH, CARD_HEIGHT], &title, &value, color);
    let chart = chart(area, drawing, range(values(&points).chain([limit, 0.0]), Some(0.0)));
    chart.frame(svg, &drawing.both("iteration", "迭代"));
    let name = format!("{} {limit:.1} mm", drawing.both("limit", "限值"));
    chart.limit(svg, limit, (&name, drawing.fonts.width(&name, 18.0, false)), Side::Above, &points);
    chart.series(svg, &points, LINE);
}

/// Violations as bars (left axis), score as a line (right axis).
fn violations_and_score(svg: &mut Svg, drawing: &Drawing<'_>) {
    let violations = series(drawing, |row| Some(row.num_violations as f64));
    let scores = series(drawing, |row| row.score);
    let last = violations.last().map_or(0.0, |point| point[1]);
    let title = drawing.both("Violations (bars) and score (line)", "违反数与评分");
    let area = card(
        svg,
        [RIGHT, LOWER, CARD_WIDTH, CARD_HEIGHT],
        &title,
        &format!("{last:.0}  ·  {:.4}", drawing.score),
        if last > 0.0 { RED } else { GREEN },
    );
    let top = values(&violations).fold(0.0, f64::max);
    let chart = chart(area, drawing, [0.0, if top > 0.0 { (1.15 * top).max(4.0) } else { 4.0 }]);
    chart.frame(svg, &drawing.both("iteration", "迭代"));
    chart.bars(svg, &violations, FRAME);
    let axis = ScoreAxis::over(values(&scores));
    let to_chart = |score: f64| axis.share(score) * chart.y_range[1];
    let labels: Vec<(f64, String)> =
        axis.ticks().into_iter().map(|(score, label)| (to_chart(score), label)).collect();
    chart.right_ticks(svg, &labels, ORANGE);
    let line: Vec<[f64; 2]> = scores.iter().map(|[x, score]| [*x, to_chart(*score)]).collect();
    chart.series(svg, &line, ORANGE);
    let note = if axis.logarithmic {
        drawing.both("score, logarithmic", "评分（对数）")
    } else {
        drawing.both("score", "评分")
    };
    let style = super::svg::TextStyle::new(18.0, ORANGE).anchored(super::svg::Anchor::End);
    svg.text([RIGHT + CARD_WIDTH - 28.0, LOWER + 78.0], &note, style);
    svg.text(
        [area[0] - 64.0, LOWER + 78.0],
        &drawing.both("violations", "违反数"),
        super::svg::TextStyle::new(18.0, if last > 0.0 { INK } else { MUTED }),
    );
}

/// Maps scores to the height of the plot, by their logarithm when they span
/// more than a factor of twenty.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ScoreAxis {
    min: f64,
    max: f64,
    logarithmic: bool,
}

impl ScoreAxis {
    fn over(scores: impl Iterator<Item = f64>) -> Self {
        let all: Vec<f64> = scores.filter(|score| score.is_finite()).collect();
        let min = all.iter().copied().fold(f64::INFINITY, f64::min);
        let max = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if all.is_empty() {
            return ScoreAxis { min: 0.0, max: 1.0, logarithmic: false };
        }
        if min > 0.0 && max / min > 20.0 {
            return ScoreAxis { min: min.log10().floor(), max: max.log10().ceil(), logarithmic: true };
        }
        let [min, max] = range([min, max], (min >= 0.0 && min < 0.4 * max).then_some(0.0));
        ScoreAxis { min, max, logarithmic: false }
    }

    fn share(self, score: f64) -> f64 {
        let value = if self.logarithmic { score.max(f64::MIN_POSITIVE).log10() } else { score };
        (value - self.min) / (self.max - self.min)
    }

    fn ticks(self) -> Vec<(f64, String)> {
        let steps = super::axis::ticks(self.min, self.max, 5);
        if self.logarithmic {
            let whole = steps.iter().filter(|power| power.fract() == 0.0);
            return whole.map(|power| (10f64.powf(*power), power_label(*power as i32))).collect();
        }
        steps.iter().map(|value| (*value, super::axis::tick_label(*value, &steps))).collect()
    }
}

fn power_label(power: i32) -> String {
    if (-3..=4).contains(&power) {
        let decimals = usize::try_from(-power).unwrap_or(0);
        format!("{:.decimals$}", 10f64.powi(power))
    } else {
        format!("1e{power}")
    }
}

fn chart(area: [f64; 4], drawing: &Drawing<'_>, y_range: [f64; 2]) -> Chart {
    let last = drawing.history.last().map_or(1, |row| row.iteration).max(1);
    let air = 0.02 * f64::from(last) + 0.3;
    Chart { area, x_range: [-air, f64::from(last) + air], y_range }
}

fn series(drawing: &Drawing<'_>, value: impl Fn(&EvolutionRow) -> Option<f64>) -> Vec<[f64; 2]> {
    let point =
        |row: &EvolutionRow| value(row).filter(|y| y.is_finite()).map(|y| [f64::from(row.iteration), y]);
    drawing.history.iter().filter_map(point).collect()
}

fn values(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|point| point[1])
}

fn newest(points: &[[f64; 2]], unit: &str) -> String {
    points.last().map_or_else(|| "–".to_owned(), |point| format!("{:.2} {unit}", point[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_span_of_scores_is_shown_by_powers_of_ten() {
        let axis = ScoreAxis::over([0.03, 500.0].into_iter());
        assert!(axis.logarithmic);
        assert_eq!((axis.share(0.01), axis.share(1000.0)), (0.0, 1.0));
        let labels: Vec<String> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0.01", "0.1", "1", "10", "100", "1000"]);
    }

    #[test]
    fn a_narrow_span_is_linear() {
        let axis = ScoreAxis::over([2.0, 2.2].into_iter());
        assert!(!axis.logarithmic && axis.min < 2.0 && axis.max > 2.2, "{axis:?}");
        assert!(!ScoreAxis::over([-1.0, 50.0].into_iter()).logarithmic);
    }
}
