use super::axis::{tick_label, ticks};
use super::drawing::Drawing;
use super::palette::{FRAME, INK, MUTED, PANEL, RED, TemperatureScale};
use super::svg::{Anchor, Stroke, Svg, TextStyle};

/// A horizontal color bar with ticks and a mark at the limit.
pub(crate) fn color_bar(
    svg: &mut Svg,
    drawing: &Drawing<'_>,
    scale: TemperatureScale,
    [x, y, width]: [f64; 3],
) {
    const HEIGHT: f64 = 26.0;
    const STEPS: u32 = 128;
    let step = width / f64::from(STEPS);
    for index in 0..STEPS {
        let share = (f64::from(index) + 0.5) / f64::from(STEPS);
        svg.cell(x + f64::from(index) * step, y, step + 1.0, HEIGHT, super::palette::viridis(share));
    }
    svg.rounded([x, y, width, HEIGHT], 0.0, None, Some(Stroke::new(FRAME, 1.5)));
    let place = |value: f64| x + scale.share(value) * width;
    let values = ticks(scale.min_c, scale.max_c, 6);
    for value in &values {
        svg.line([place(*value), y + HEIGHT], [place(*value), y + HEIGHT + 7.0], Stroke::new(MUTED, 1.5));
        let style = TextStyle::new(17.0, MUTED).anchored(Anchor::Middle);
        svg.text([place(*value), y + HEIGHT + 26.0], &tick_label(*value, &values), style);
    }
    svg.text([x, y - 12.0], &drawing.both("temperature / °C", "温度"), TextStyle::new(18.0, INK));
    let limit = drawing.limit_c();
    let name = format!("{} {limit:.1} °C", drawing.both("limit", "限值"));
    let style = TextStyle::new(18.0, RED).anchored(Anchor::End);
    if (scale.min_c..=scale.max_c).contains(&limit) {
        let at = place(limit);
        svg.line([at, y - 8.0], [at, y + HEIGHT + 4.0], Stroke::new(RED, 4.0));
        svg.text([x + width, y - 12.0], &name, style);
    } else if limit > scale.max_c {
        svg.text([x + width, y - 12.0], &format!("{name} →"), style);
    } else {
        svg.text([x + width, y - 12.0], &format!("← {name}"), style);
    }
}

/// Number, color, name, panel, temperature and margin of every component.
pub(crate) fn component_table(
    svg: &mut Svg,
    drawing: &Drawing<'_>,
    scale: TemperatureScale,
    [x, y, width, height]: [f64; 4],
) {
    let count = drawing.satellite.components.len();
    const MIN_ROW: f64 = 17.0;
    const HEAD: f64 = 34.0;
    // Two columns of rows only where one would need a type too small to read.
    let fits = ((height - HEAD) / MIN_ROW).floor().max(1.0) as usize;
    let blocks = if count as f64 * 22.0 > height - HEAD && width > 560.0 { 2 } else { 1 };
    let shown = count.min(fits * blocks);
    let rows = shown.div_ceil(blocks).max(1);
    let row_height = ((height - HEAD - if shown < count { 24.0 } else { 0.0 }) / rows as f64).min(33.0);
    let gap = 24.0;
    let block_width = (width - gap * (blocks - 1) as f64) / blocks as f64;
    let size = (0.62 * row_height).min(18.5).min(block_width / 20.5);
    for block in 0..blocks {
        let left = x + block as f64 * (block_width + gap);
        let columns = Columns::within(left, block_width, size);
        head(svg, drawing, &columns, y + 20.0, size.clamp(13.0, 16.0));
        svg.line([left, y + HEAD - 5.0], [left + block_width, y + HEAD - 5.0], Stroke::new(FRAME, 1.5));
        for (row, component) in (block * rows..((block + 1) * rows).min(shown)).enumerate() {
            let top = y + HEAD + row as f64 * row_height;
            if row % 2 == 1 {
                svg.rect(left, top, block_width, row_height, PANEL);
            }
            component_row(svg, drawing, scale, component, &columns, [top, row_height, size]);
        }
    }
    if shown < count {
        let text = format!(
            "+ {} {}",
            count - shown,
            drawing.both("more in the design state file", "其余见设计状态文件")
        );
        svg.text([x, y + height - 4.0], &text, TextStyle::new(16.0, MUTED));
    }
}

/// Places of the columns, pixels.
struct Columns {
    number: f64,
    swatch: f64,
    name: f64,
    name_width: f64,
    panel: f64,
    temp: f64,
    margin: f64,
}

impl Columns {
    fn within(left: f64, width: f64, size: f64) -> Self {
        let number = left + 2.1 * size;
        let swatch = number + 0.6 * size;
        let name = swatch + 1.4 * size;
        let margin = left + width - 4.0;
        let temp = margin - 4.2 * size;
        let panel = temp - 3.8 * size;
        Columns { number, swatch, name, name_width: panel - 1.4 * size - name, panel, temp, margin }
    }
}

fn head(svg: &mut Svg, drawing: &Drawing<'_>, columns: &Columns, y: f64, size: f64) {
    let style = TextStyle::new(size, MUTED);
    let end = style.anchored(Anchor::End);
    svg.text([columns.number, y], "#", end);
    let name =
        drawing.fonts.fitted(&drawing.both("component", "组件"), size, false, columns.name_width - 8.0);
    svg.text([columns.name, y], &name, style);
    svg.text([columns.panel, y], "panel", style.anchored(Anchor::Middle));
    svg.text([columns.temp, y], "°C", end);
    let room = columns.margin - columns.temp - 10.0;
    let fitted = size * (room / drawing.fonts.width("margin/K", size, false)).min(1.0);
    svg.text([columns.margin, y], "margin/K", TextStyle::new(fitted, MUTED).anchored(Anchor::End));
}

fn component_row(
    svg: &mut Svg,
    drawing: &Drawing<'_>,
    scale: TemperatureScale,
    component: usize,
    columns: &Columns,
    [top, height, size]: [f64; 3],
) {
    let base = top + 0.5 * height + 0.36 * size;
    let state = &drawing.evaluation.components[component];
    let plain = TextStyle::new(size, INK);
    let bad = state.temp_margin_k < 0.0;
    let numbers = TextStyle::new(size, if bad { RED } else { INK }).anchored(Anchor::End);
    let numbers = if bad { numbers.bold() } else { numbers };
    svg.text(
        [columns.number, base],
        &(component + 1).to_string(),
        TextStyle::new(size, MUTED).anchored(Anchor::End),
    );
    let side = 0.78 * size;
    let swatch = [columns.swatch, top + 0.5 * (height - side), side, side];
    let color = scale.color(drawing.temp_c(component));
    svg.rounded(swatch, 3.0, Some((color, 1.0)), Some(Stroke::new(FRAME, 1.0)));
    let name = drawing.label(component);
    let name_style = if drawing.is_in_violation(component) {
        TextStyle { bold: name.is_ascii(), ..TextStyle::new(size, RED) }
    } else {
        plain
    };
    svg.text(
        [columns.name, base],
        &drawing.fonts.fitted(name, size, name_style.bold, columns.name_width),
        name_style,
    );
    let panel = drawing.layout.placements[component].panel.label();
    svg.text([columns.panel, base], panel, TextStyle::new(size, MUTED).anchored(Anchor::Middle));
    svg.text([columns.temp, base], &format!("{:.1}", drawing.temp_c(component)), numbers);
    svg.text([columns.margin, base], &format!("{:+.1}", state.temp_margin_k), numbers);
}
