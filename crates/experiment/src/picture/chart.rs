use super::axis::{tick_label, ticks};
use super::palette::{FRAME, GRID, INK, MUTED, RED};
use super::svg::{Anchor, Color, Stroke, Svg, TextStyle};

/// A plot area on the page and the ranges of its axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chart {
    /// Left, top, width, height of the plot area, pixels.
    pub(crate) area: [f64; 4],
    pub(crate) x_range: [f64; 2],
    pub(crate) y_range: [f64; 2],
}

impl Chart {
    pub(crate) fn x(&self, value: f64) -> f64 {
        let [min, max] = self.x_range;
        self.area[0] + (value - min) / (max - min) * self.area[2]
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        let [min, max] = self.y_range;
        self.area[1] + self.area[3] - ((value - min) / (max - min)).clamp(-0.02, 1.02) * self.area[3]
    }

    /// Grid, tick labels of both axes, and the name of the x axis.
    pub(crate) fn frame(&self, svg: &mut Svg, x_name: &str) {
        let [left, top, width, height] = self.area;
        let y_ticks = ticks(self.y_range[0], self.y_range[1], 6);
        for tick in &y_ticks {
            let y = self.y(*tick);
            svg.line([left, y], [left + width, y], Stroke::new(GRID, 1.5));
            let style = TextStyle::new(18.0, MUTED).anchored(Anchor::End);
            svg.text([left - 12.0, y + 6.0], &tick_label(*tick, &y_ticks), style);
        }
        let whole: Vec<f64> = ticks(self.x_range[0], self.x_range[1], 10)
            .into_iter()
            .filter(|tick| tick.fract() == 0.0)
            .collect();
        for tick in &whole {
            let x = self.x(*tick);
            svg.line([x, top + height], [x, top + height + 7.0], Stroke::new(FRAME, 1.5));
            let style = TextStyle::new(18.0, MUTED).anchored(Anchor::Middle);
            svg.text([x, top + height + 29.0], &format!("{tick:.0}"), style);
        }
        svg.line([left, top + height], [left + width, top + height], Stroke::new(FRAME, 2.0));
        let style = TextStyle::new(18.0, MUTED).anchored(Anchor::Middle);
        svg.text([left + 0.5 * width, top + height + 58.0], x_name, style);
    }

    /// A limit: a dashed line with its name, and a tint over the side that
    /// breaks it.
    pub(crate) fn limit(
        &self,
        svg: &mut Svg,
        value: f64,
        name: (&str, f64),
        forbidden: Side,
        points: &[[f64; 2]],
    ) {
        let [left, top, width, height] = self.area;
        let y = self.y(value);
        let (from, to) = match forbidden {
            Side::Above => (top, y),
            Side::Below => (y, top + height),
        };
        svg.polygon(&[[left, from], [left + width, from], [left + width, to], [left, to]], RED, 0.06, None);
        svg.line([left, y], [left + width, y], Stroke::new(RED, 2.5).dashed("11 8"));
        self.line_name(svg, value, name, RED, points);
    }

    /// Names a horizontal line, above or below it, right or left: where least of
    /// the series is in the way. `name` comes with its width.
    pub(crate) fn line_name(
        &self,
        svg: &mut Svg,
        value: f64,
        (name, text_width): (&str, f64),
        color: Color,
        points: &[[f64; 2]],
    ) {
        let [left, top, width, height] = self.area;
        let y = self.y(value);
        let ways = [(false, -10.0), (false, 25.0), (true, -10.0), (true, 25.0)];
        let burden = |(at_left, dy): (bool, f64)| {
            let x = if at_left { left + 8.0 } else { left + width - 8.0 - text_width };
            let base = y + dy;
            if base - 18.0 < top || base + 6.0 > top + height {
                return usize::MAX;
            }
            self.dense(points)
                .filter(|[px, py]| {
                    (x - 12.0..x + text_width + 12.0).contains(px) && (base - 24.0..base + 12.0).contains(py)
                })
                .count()
        };
        let (at_left, dy) = ways.into_iter().min_by_key(|way| burden(*way)).unwrap_or(ways[0]);
        let (x, anchor) =
            if at_left { (left + 8.0, Anchor::Start) } else { (left + width - 8.0, Anchor::End) };
        svg.text([x, y + dy], name, TextStyle::new(18.0, color).anchored(anchor).haloed());
    }

    /// Pixels along the line through the points.
    fn dense<'p>(&'p self, points: &'p [[f64; 2]]) -> impl Iterator<Item = [f64; 2]> + 'p {
        let ends = points.windows(2).map(|pair| [self.place(pair[0]), self.place(pair[1])]);
        let single =
            points.iter().take(if points.len() == 1 { 1 } else { 0 }).map(|point| self.place(*point));
        let steps = (2000 / points.len().max(1)).clamp(1, 40);
        ends.flat_map(move |[a, b]| {
            (0..=steps).map(move |step| {
                let share = step as f64 / steps as f64;
                [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]
            })
        })
        .chain(single)
    }

    fn place(&self, point: [f64; 2]) -> [f64; 2] {
        [self.x(point[0]), self.y(point[1])]
    }

    /// A line through the points; single points are marked while they can be
    /// told apart, the first (the start) with a hollow one.
    pub(crate) fn series(&self, svg: &mut Svg, points: &[[f64; 2]], color: Color) {
        let places: Vec<[f64; 2]> = points.iter().map(|point| self.place(*point)).collect();
        if places.len() > 1 {
            svg.polyline(&places, Stroke::new(color, 3.5));
        }
        if places.len() <= 60 {
            for place in places.iter().skip(1) {
                svg.circle(*place, 5.0, Some(color), None);
            }
        }
        if let Some(first) = places.first() {
            svg.circle(*first, 6.5, Some(Color::WHITE), Some(Stroke::new(color, 3.0)));
        }
        if let Some(last) = places.last() {
            svg.circle(*last, 7.5, Some(color), Some(Stroke::new(Color::WHITE, 2.0)));
        }
    }

    /// Bars from the base line, one per point.
    pub(crate) fn bars(&self, svg: &mut Svg, points: &[[f64; 2]], color: Color) {
        let [_, top, _, height] = self.area;
        let step = self.area[2] / (self.x_range[1] - self.x_range[0]);
        let width = (0.62 * step).clamp(1.0, 46.0);
        for [x, y] in points {
            let y = self.y(*y);
            svg.cell(self.x(*x) - 0.5 * width, y, width, top + height - y, color);
        }
    }

    /// Tick labels of a second y axis at the right, whose values are mapped to
    /// this chart's range by the caller.
    pub(crate) fn right_ticks(&self, svg: &mut Svg, labels: &[(f64, String)], color: Color) {
        let right = self.area[0] + self.area[2];
        for (place, label) in labels {
            svg.text([right + 12.0, self.y(*place) + 6.0], label, TextStyle::new(18.0, color));
        }
    }
}

/// A side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Above,
    Below,
}

/// A card with a title at the left and the newest value at the right; returns
/// the plot area inside.
pub(crate) fn card(
    svg: &mut Svg,
    [x, y, width, height]: [f64; 4],
    title: &str,
    value: &str,
    value_color: Color,
) -> [f64; 4] {
    svg.rounded([x, y, width, height], 14.0, Some((Color::WHITE, 1.0)), Some(Stroke::new(GRID, 2.0)));
    svg.text([x + 28.0, y + 46.0], title, TextStyle::new(25.0, INK).bold());
    let style = TextStyle::new(25.0, value_color).bold().anchored(Anchor::End);
    svg.text([x + width - 28.0, y + 46.0], value, style);
    [x + 92.0, y + 98.0, width - 172.0, height - 182.0]
}

/// A range that holds the values with some air around them.
pub(crate) fn range(values: impl IntoIterator<Item = f64>, floor: Option<f64>) -> [f64; 2] {
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.into_iter().filter(|value| value.is_finite()) {
        min = min.min(value);
        max = max.max(value);
    }
    if min > max {
        (min, max) = (0.0, 1.0);
    }
    let air = if max > min { 0.08 * (max - min) } else { max.abs().max(1.0) * 0.5 };
    let low = min - air;
    [floor.map_or(low, |floor| if min >= floor { floor } else { low }), max + air]
}
