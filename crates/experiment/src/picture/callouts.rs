use super::drawing::Drawing;
use super::palette::{FRAME, INK, MUTED, RED};
use super::svg::{Anchor, Color, Stroke, Svg, TextStyle};

const BOX_HEIGHT: f64 = 54.0;
const SPACING: f64 = 62.0;

/// Names the components at both sides of an area (left, top, width, height),
/// each tied to its point by a line. Components without a point are left out.
pub(crate) fn draw(svg: &mut Svg, drawing: &Drawing<'_>, points: &[Option<[f64; 2]>], area: [f64; 4]) {
    let mut anchors: Vec<(usize, [f64; 2])> = points
        .iter()
        .enumerate()
        .filter_map(|(component, point)| point.map(|point| (component, point)))
        .collect();
    anchors.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]));
    let right = anchors.split_off(anchors.len().div_ceil(2));
    side(svg, drawing, anchors, area, true);
    side(svg, drawing, right, area, false);
}

fn side(
    svg: &mut Svg,
    drawing: &Drawing<'_>,
    mut anchors: Vec<(usize, [f64; 2])>,
    area: [f64; 4],
    at_left: bool,
) {
    let [left, top, width, height] = area;
    anchors.sort_by(|(_, a), (_, b)| a[1].total_cmp(&b[1]));
    let wanted: Vec<f64> = anchors.iter().map(|(_, point)| point[1]).collect();
    let places = spread(&wanted, top + 0.5 * BOX_HEIGHT, top + height - 0.5 * BOX_HEIGHT, SPACING);
    let labels: Vec<(String, String)> =
        anchors.iter().map(|(component, _)| texts(drawing, *component)).collect();
    let text_width = |(name, value): &(String, String)| {
        drawing.fonts.width(name, 19.0, true).max(drawing.fonts.width(value, 17.0, false))
    };
    let box_width = labels.iter().map(text_width).fold(0.0, f64::max) + 28.0;
    let x = if at_left { left } else { left + width - box_width };
    for ((component, point), y) in anchors.iter().zip(&places) {
        let color = if drawing.is_in_violation(*component) { RED } else { MUTED };
        let edge = if at_left { x + box_width } else { x };
        let bend = if at_left { edge + 18.0 } else { edge - 18.0 };
        svg.polyline(&[[edge, *y], [bend, *y], *point], Stroke::new(Color::WHITE, 4.5).with_opacity(0.7));
        svg.polyline(&[[edge, *y], [bend, *y], *point], Stroke::new(color, 1.6));
        svg.circle(*point, 5.0, Some(color), Some(Stroke::new(Color::WHITE, 1.8)));
    }
    for (((component, _), y), (name, value)) in anchors.iter().zip(&places).zip(&labels) {
        let bad = drawing.is_in_violation(*component);
        let frame = [x, y - 0.5 * BOX_HEIGHT, box_width, BOX_HEIGHT];
        let edge = if bad { Stroke::new(RED, 2.4) } else { Stroke::new(FRAME, 1.6) };
        svg.rounded(frame, 9.0, Some((Color::WHITE, 0.96)), Some(edge));
        let middle = x + 0.5 * box_width;
        let style = TextStyle::new(19.0, if bad { RED } else { INK }).bold().anchored(Anchor::Middle);
        svg.text([middle, y - 4.0], name, style);
        svg.text([middle, y + 18.0], value, TextStyle::new(17.0, MUTED).anchored(Anchor::Middle));
    }
}

fn texts(drawing: &Drawing<'_>, component: usize) -> (String, String) {
    let name = format!("{} {}", component + 1, drawing.label(component));
    (drawing.fonts.fitted(&name, 19.0, true, 200.0), format!("{:.1} °C", drawing.temp_c(component)))
}

/// Places at least `spacing` apart, in order, as near to the wanted ones (in
/// ascending order) as can be, within the bounds as far as there is room.
fn spread(wanted: &[f64], low: f64, high: f64, spacing: f64) -> Vec<f64> {
    let count = wanted.len();
    let spacing = if count > 1 { spacing.min((high - low) / (count - 1) as f64) } else { spacing };
    // Blocks of touching labels: each stands where the mean of its wishes is.
    let mut blocks: Vec<(usize, f64)> = Vec::new();
    for place in wanted {
        blocks.push((1, place.clamp(low, high)));
        while let [.., (n, a), (m, b)] = blocks[..] {
            let reach = 0.5 * spacing * (n + m) as f64;
            if b - a >= reach {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            // The middles of the wishes, each less its offset in the joint block.
            let middle = (n as f64 * (a + 0.5 * spacing * m as f64)
                + m as f64 * (b - 0.5 * spacing * n as f64))
                / (n + m) as f64;
            let half = 0.5 * spacing * (n + m - 1) as f64;
            blocks.push((n + m, middle.clamp(low + half, (high - half).max(low + half))));
        }
    }
    let start = |(n, middle): &(usize, f64)| middle - 0.5 * spacing * (*n as f64 - 1.0);
    blocks.iter().flat_map(|block| (0..block.0).map(move |i| start(block) + spacing * i as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_their_order_and_the_bounds() {
        let cases: [&[f64]; 4] = [
            &[10.0, 500.0, 990.0],
            &[500.0, 501.0, 502.0, 900.0],
            &[0.0, 0.0, 0.0, 1000.0, 1000.0],
            &[300.0; 30],
        ];
        for wanted in cases {
            let places = spread(wanted, 50.0, 950.0, 60.0);
            assert_eq!(places.len(), wanted.len());
            let spacing = 60.0f64.min(900.0 / (wanted.len() - 1) as f64);
            for pair in places.windows(2) {
                assert!(pair[1] - pair[0] > spacing - 1e-6, "{places:?}");
            }
            assert!(places[0] > 49.9 && places[places.len() - 1] < 950.1, "{places:?}");
        }
        assert_eq!(spread(&[100.0, 300.0], 0.0, 1000.0, 60.0), [100.0, 300.0]);
        assert_eq!(spread(&[200.0, 200.0], 0.0, 1000.0, 60.0), [170.0, 230.0]);
    }
}
