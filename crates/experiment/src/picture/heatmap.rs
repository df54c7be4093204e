use model::{Panel, ZERO_CELSIUS_K};

use super::drawing::{Drawing, HEIGHT, WIDTH};
use super::legend::{color_bar, component_table};
use super::palette::{FRAME, INK, MUTED, RED, TemperatureScale};
use super::svg::{Anchor, Color, Stroke, Svg, TextStyle};

/// Where the cross may stand: left, top, width, height.
const AREA: [f64; 4] = [56.0, 178.0, 1320.0, 1242.0];
/// Space between two panels of the cross, pixels.
const GAP: f64 = 36.0;

/// The temperature field of the six panels, unfolded to a cross, with the
/// components that stand on them.
pub(crate) fn draw(drawing: &Drawing<'_>) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    drawing.header(&mut svg, "Temperatures in the hot case", "热工况温度分布");
    let field = Field::of(drawing);
    let components = (0..drawing.evaluation.components.len()).map(|component| drawing.temp_c(component));
    let scale = TemperatureScale::over(field.cells_c.iter().copied().chain(components));
    let sheets = Sheet::cross(drawing);
    for sheet in &sheets {
        cells(&mut svg, &field, sheet, scale);
    }
    for sheet in &sheets {
        name(&mut svg, drawing, &field, sheet);
        hottest_cell(&mut svg, &field, sheet);
        footprints(&mut svg, drawing, sheet, scale);
        hottest_component(&mut svg, drawing, sheet);
    }
    facts(&mut svg, drawing, &field);
    color_bar(&mut svg, drawing, scale, [1420.0, 390.0, 600.0]);
    component_table(&mut svg, drawing, scale, [1420.0, 462.0, 604.0, 962.0]);
    let note = drawing.both(
        "Unfolded, seen from outside; outlines: components on the inner side.",
        "外侧展开视图，线框为内侧安装的组件。",
    );
    svg.text([56.0, 1456.0], &note, TextStyle::new(18.0, MUTED));
    svg.finish()
}

/// The cell temperatures in degrees Celsius.
struct Field {
    mesh: usize,
    cells_c: Vec<f64>,
}

impl Field {
    fn of(drawing: &Drawing<'_>) -> Self {
        let thermal = &drawing.evaluation.thermal;
        let cells_c = thermal.panel_temps_k.iter().map(|temp| temp - ZERO_CELSIUS_K).collect();
        Field { mesh: thermal.mesh, cells_c }
    }

    fn panel(&self, panel: Panel) -> &[f64] {
        let size = self.mesh * self.mesh;
        &self.cells_c[panel.index() * size..(panel.index() + 1) * size]
    }

    fn min(&self) -> f64 {
        self.cells_c.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn max(&self) -> f64 {
        self.cells_c.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Panel of the hottest cell, and the cell's index on it.
    fn hottest(&self) -> Option<(Panel, usize)> {
        let cell = (0..self.cells_c.len()).max_by(|a, b| self.cells_c[*a].total_cmp(&self.cells_c[*b]))?;
        let size = self.mesh * self.mesh;
        Some((Panel::ALL[cell / size], cell % size))
    }
}

/// One panel on the page: which body axis grows to the right and which upward.
struct Sheet {
    panel: Panel,
    /// Axis and sign to the right.
    right: (usize, f64),
    /// Axis and sign upward.
    up: (usize, f64),
    /// Left, top, width, height, pixels.
    place: [f64; 4],
    half_m: [f64; 3],
}

impl Sheet {
    /// The belt -Y, +X, +Y, -X with +Z above and -Z below +X: every panel seen
    /// from outside, joined to its neighbors along true edges.
    fn cross(drawing: &Drawing<'_>) -> Vec<Sheet> {
        let [x, y, z] = drawing.satellite.envelope.inner_size_m;
        let [left, top, width, height] = AREA;
        let scale = ((width - 3.0 * GAP) / (2.0 * (x + y))).min((height - 2.0 * GAP) / (z + 2.0 * x));
        let half_m = [0.5 * x, 0.5 * y, 0.5 * z];
        let belt_top = top + 0.5 * (height - (z + 2.0 * x) * scale - 2.0 * GAP) + x * scale + GAP;
        let belt_left = left + 0.5 * (width - 2.0 * (x + y) * scale - 3.0 * GAP);
        let sheet = |panel, right, up, at: [f64; 2], size: [f64; 2]| Sheet {
            panel,
            right,
            up,
            place: [at[0], at[1], size[0] * scale, size[1] * scale],
            half_m,
        };
        let front_left = belt_left + x * scale + GAP;
        let side_left = front_left + y * scale + GAP;
        let back_left = side_left + x * scale + GAP;
        vec![
            sheet(Panel::YMinus, (0, 1.0), (2, 1.0), [belt_left, belt_top], [x, z]),
            sheet(Panel::XPlus, (1, 1.0), (2, 1.0), [front_left, belt_top], [y, z]),
            sheet(Panel::YPlus, (0, -1.0), (2, 1.0), [side_left, belt_top], [x, z]),
            sheet(Panel::XMinus, (1, -1.0), (2, 1.0), [back_left, belt_top], [y, z]),
            sheet(Panel::ZPlus, (1, 1.0), (0, -1.0), [front_left, belt_top - GAP - x * scale], [y, x]),
            sheet(Panel::ZMinus, (1, 1.0), (0, 1.0), [front_left, belt_top + z * scale + GAP], [y, x]),
        ]
    }

    /// The pixel of a point of the body frame, seen along the panel's normal.
    fn project(&self, point_m: [f64; 3]) -> [f64; 2] {
        let [left, top, width, height] = self.place;
        let share = |(axis, sign): (usize, f64)| 0.5 * (1.0 + sign * point_m[axis] / self.half_m[axis]);
        [left + share(self.right) * width, top + (1.0 - share(self.up)) * height]
    }

    /// The rectangle (left, top, width, height) between two corners.
    fn rectangle(&self, a_m: [f64; 3], b_m: [f64; 3]) -> [f64; 4] {
        let (a, b) = (self.project(a_m), self.project(b_m));
        [a[0].min(b[0]), a[1].min(b[1]), (a[0] - b[0]).abs(), (a[1] - b[1]).abs()]
    }

    /// Corners of cell (iu, iv) in the body frame, m.
    fn cell_m(&self, mesh: usize, iu: usize, iv: usize) -> ([f64; 3], [f64; 3]) {
        let (u, v) = self.panel.in_plane_axes();
        let edge = |axis: usize, index: usize| self.half_m[axis] * (2.0 * index as f64 / mesh as f64 - 1.0);
        let (mut low, mut high) = ([0.0; 3], [0.0; 3]);
        (low[u], high[u]) = (edge(u, iu), edge(u, iu + 1));
        (low[v], high[v]) = (edge(v, iv), edge(v, iv + 1));
        (low, high)
    }
}

fn cells(svg: &mut Svg, field: &Field, sheet: &Sheet, scale: TemperatureScale) {
    for (index, temp) in field.panel(sheet.panel).iter().enumerate() {
        let (low, high) = sheet.cell_m(field.mesh, index % field.mesh, index / field.mesh);
        let [x, y, width, height] = sheet.rectangle(low, high);
        // Whole pixels, so that no line of the ground shows between cells.
        let (left, top) = (x.round(), y.round());
        svg.cell(left, top, (x + width).round() - left, (y + height).round() - top, scale.color(*temp));
    }
    svg.rounded(sheet.place, 0.0, None, Some(Stroke::new(INK, 1.6)));
}

/// The panel's label and mean temperature above it.
fn name(svg: &mut Svg, drawing: &Drawing<'_>, field: &Field, sheet: &Sheet) {
    let cells = field.panel(sheet.panel);
    let mean = cells.iter().sum::<f64>() / cells.len() as f64;
    let [x, y, width, _] = sheet.place;
    svg.text([x, y - 9.0], sheet.panel.label(), TextStyle::new(22.0, INK).bold());
    for text in [
        format!("{} {mean:.1} °C", drawing.both("mean", "均值")),
        format!("{mean:.1} °C"),
        format!("{mean:.0}°"),
    ] {
        if drawing.fonts.width(&text, 17.0, false) + 50.0 < width {
            svg.text([x + width, y - 9.0], &text, TextStyle::new(17.0, MUTED).anchored(Anchor::End));
            break;
        }
    }
}

/// Outlines of the components whose base plate is on the panel, each with its
/// number, and with name and temperature where there is room.
fn footprints(svg: &mut Svg, drawing: &Drawing<'_>, sheet: &Sheet, scale: TemperatureScale) {
    let placed = drawing.satellite.components.iter().zip(&drawing.layout.placements);
    for (index, (component, placement)) in
        placed.enumerate().filter(|(_, (_, placement))| placement.panel == sheet.panel)
    {
        let min = placement.min_corner_m(component.size_m);
        let extents = placement.extents_m(component.size_m);
        let [x, y, width, height] =
            sheet.rectangle(min, std::array::from_fn(|axis| min[axis] + extents[axis]));
        let bad = drawing.is_in_violation(index);
        svg.rounded(
            [x, y, width, height],
            3.0,
            None,
            Some(Stroke::new(Color::WHITE, 3.8).with_opacity(0.85)),
        );
        let edge = if bad { Stroke::new(RED, 3.0) } else { Stroke::new(INK, 1.6) };
        svg.rounded([x, y, width, height], 3.0, None, Some(edge));
        label(svg, drawing, index, [x, y, width, height], scale);
    }
}

fn label(
    svg: &mut Svg,
    drawing: &Drawing<'_>,
    component: usize,
    [x, y, width, height]: [f64; 4],
    scale: TemperatureScale,
) {
    let (middle_x, middle_y) = (x + 0.5 * width, y + 0.5 * height);
    let number = (component + 1).to_string();
    let name = drawing.label(component);
    let temp = format!("{:.1} °C", drawing.temp_c(component));
    let color = scale.color(drawing.temp_c(component));
    let fits = |text: &str, size: f64, bold: bool| drawing.fonts.width(text, size, bold) + 10.0 <= width;
    let ground = |svg: &mut Svg, lines: f64, widest: f64, size: f64| {
        let (w, h) = (widest + 10.0, lines * 1.25 * size + 4.0);
        svg.rounded(
            [middle_x - 0.5 * w, middle_y - 0.5 * h, w, h],
            5.0,
            Some((color, 1.0)),
            Some(Stroke::new(Color::WHITE, 1.2)),
        );
    };
    let text_color = color.readable_text();
    let style = |size: f64| TextStyle::new(size, text_color).anchored(Anchor::Middle);
    let first = format!("{number} {name}");
    for size in [18.0, 16.0, 14.0] {
        if fits(&first, size, true) && fits(&temp, size, false) && height > 3.0 * size {
            let widest = drawing.fonts.width(&first, size, true).max(drawing.fonts.width(&temp, size, false));
            ground(svg, 2.0, widest, size);
            svg.text([middle_x, middle_y - 0.22 * size], &first, style(size).bold());
            svg.text([middle_x, middle_y + 1.0 * size], &temp, style(size));
            return;
        }
    }
    for size in [17.0, 15.0, 13.0] {
        let short = format!("{:.1}", drawing.temp_c(component));
        if fits(&number, size, true) && fits(&short, size, false) && height > 2.7 * size {
            let widest =
                drawing.fonts.width(&number, size, true).max(drawing.fonts.width(&short, size, false));
            ground(svg, 2.0, widest, size);
            svg.text([middle_x, middle_y - 0.22 * size], &number, style(size).bold());
            svg.text([middle_x, middle_y + 1.0 * size], &short, style(size));
            return;
        }
    }
    let radius = 0.5 * width.min(height).clamp(15.0, 26.0);
    let edge = if drawing.is_in_violation(component) { RED } else { Color::WHITE };
    svg.circle([middle_x, middle_y], radius, Some(color), Some(Stroke::new(edge, 1.6)));
    let size = 1.05 * radius;
    svg.text([middle_x, middle_y + 0.36 * size], &number, style(size).bold());
}

/// Marks the hottest cell, when it is on this panel.
fn hottest_cell(svg: &mut Svg, field: &Field, sheet: &Sheet) {
    let Some((panel, index)) = field.hottest().filter(|(panel, _)| *panel == sheet.panel) else { return };
    debug_assert_eq!(panel, sheet.panel);
    let (low, high) = sheet.cell_m(field.mesh, index % field.mesh, index / field.mesh);
    cell_mark(svg, sheet.rectangle(low, high));
}

/// Marks the hottest component, when it stands on this panel.
fn hottest_component(svg: &mut Svg, drawing: &Drawing<'_>, sheet: &Sheet) {
    let Some(component) = drawing.hottest() else { return };
    let (unit, placement) = (&drawing.satellite.components[component], &drawing.layout.placements[component]);
    if placement.panel == sheet.panel {
        let min = placement.min_corner_m(unit.size_m);
        let extents = placement.extents_m(unit.size_m);
        let [x, y, width, _] = sheet.rectangle(min, std::array::from_fn(|axis| min[axis] + extents[axis]));
        star(svg, [x + width, y], 15.0);
    }
}

fn cell_mark(svg: &mut Svg, place: [f64; 4]) {
    for (width, color) in [(5.5, Color::WHITE), (2.6, RED)] {
        svg.rounded(place, 2.0, None, Some(Stroke::new(color, width)));
    }
}

fn star(svg: &mut Svg, [x, y]: [f64; 2], radius: f64) {
    let points: Vec<[f64; 2]> = (0..10)
        .map(|i| {
            let (sin, cos) = (std::f64::consts::PI * f64::from(i) / 5.0).sin_cos();
            let reach = if i % 2 == 0 { radius } else { 0.42 * radius };
            [x + reach * sin, y - reach * cos]
        })
        .collect();
    svg.polygon(&points, RED, 1.0, Some(Stroke::new(Color::WHITE, 2.0)));
}

/// The numbers of the field, and what the signs mean.
fn facts(svg: &mut Svg, drawing: &Drawing<'_>, field: &Field) {
    let thermal = &drawing.evaluation.thermal;
    let mean = area_mean(drawing, field);
    let left = 1420.0;
    let label = TextStyle::new(18.0, MUTED);
    let value = TextStyle::new(18.0, INK).bold().anchored(Anchor::End);
    let rows = [
        (
            drawing.both("panels min / mean / max", "安装板"),
            format!("{:.1} / {mean:.1} / {:.1} °C", field.min(), field.max()),
        ),
        (
            drawing.both("heat in / radiated", "热输入/辐射"),
            format!("{:.2} / {:.2} W", thermal.heat_in_w, thermal.heat_out_w),
        ),
        (drawing.both("energy balance", "能量平衡误差"), format!("{:.1e}", thermal.energy_balance)),
        (drawing.both("cells per panel", "每板网格"), format!("{0} × {0}", field.mesh)),
    ];
    for (index, (name, text)) in rows.iter().enumerate() {
        let y = 176.0 + 34.0 * index as f64;
        svg.text([left, y], name, label);
        svg.text([left + 600.0, y], text, value);
        svg.line([left, y + 11.0], [left + 600.0, y + 11.0], Stroke::new(FRAME, 1.0).with_opacity(0.6));
    }
    star(svg, [left + 11.0, 318.0], 12.0);
    let component = drawing.hottest().map_or_else(String::new, |component| {
        format!(
            "{} #{}, {:.1} °C",
            drawing.both("hottest", "最热组件"),
            component + 1,
            drawing.temp_c(component)
        )
    });
    svg.text([left + 32.0, 324.0], &component, label);
    let x = left + 32.0 + drawing.fonts.width(&component, 18.0, false) + 34.0;
    cell_mark(svg, [x, 309.0, 18.0, 18.0]);
    let panel = field.hottest().map_or("", |(panel, _)| panel.label());
    svg.text([x + 30.0, 324.0], &format!("{} {panel}", drawing.both("hottest cell:", "最热网格")), label);
}

/// Mean over the panels weighted by their area, degrees Celsius.
fn area_mean(drawing: &Drawing<'_>, field: &Field) -> f64 {
    let (mut sum, mut area) = (0.0, 0.0);
    for panel in Panel::ALL {
        let cells = field.panel(panel);
        let weight = drawing.satellite.envelope.inner_area_m2(panel);
        sum += weight * cells.iter().sum::<f64>() / cells.len() as f64;
        area += weight;
    }
    sum / area
}
