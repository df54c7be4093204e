use model::{Panel, Vec3};

use super::axis::{tick_label, ticks};
use super::callouts;
use super::depth::{Face, back_to_front, is_hidden, visible_faces};
use super::drawing::{Drawing, HEIGHT, MM_PER_M, WIDTH};
use super::legend::{color_bar, component_table};
use super::palette::{BLUE, FRAME, GREEN, INK, MUTED, PANEL, RED, TemperatureScale};
use super::svg::{Anchor, Color, Stroke, Svg, TextStyle};
use super::view::{View, corners};

/// Up to this many components are named beside the box, more by number only.
const MOST_NAMED: usize = 16;

/// A box with its place, in the body frame, m.
type Cuboid = (Vec3, Vec3);

/// The components in the envelope, seen from two opposite corners.
pub(crate) fn draw(drawing: &Drawing<'_>) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    drawing.header(&mut svg, "Final layout", "最终布局");
    let scale = drawing.component_scale();
    let scene = Scene::of(drawing);
    let named = drawing.satellite.components.len() <= MOST_NAMED;
    let side = if named { 225.0 } else { 120.0 };
    let (low, high) = scene.bounds(drawing);
    let main = View::from_direction(-54.0, 25.0).fitted(
        low,
        high,
        [40.0 + side, 190.0, 1320.0 - 2.0 * side, 1080.0],
    );
    let other = View::from_direction(126.0, -25.0).fitted(low, high, [1440.0, 182.0, 520.0, 420.0]);

    let from_main = scene.points_in_view(&main, Some(main.project(drawing.evaluation.cg_m)));
    let from_other = scene.points_in_view(&other, None);
    scene.paint(&mut svg, drawing, scale, &main);
    rulers(&mut svg, drawing, &main);
    scene.paint(&mut svg, drawing, scale, &other);
    svg.text(
        [1400.0, 172.0],
        &drawing.both("from the opposite corner (−X +Y −Z)", "对角视图"),
        TextStyle::new(18.0, MUTED),
    );

    for (component, point) in from_other.iter().enumerate() {
        if let Some(point) = point {
            drawing.badge(&mut svg, other.project(*point), component, if named { 12.0 } else { 9.5 });
        }
    }
    if named {
        let points: Vec<_> = from_main.iter().map(|point| point.map(|point| main.project(point))).collect();
        callouts::draw(&mut svg, drawing, &points, [40.0, 180.0, 1320.0, 1100.0]);
    } else {
        for (component, point) in from_main.iter().enumerate() {
            if let Some(point) = point {
                drawing.badge(&mut svg, main.project(*point), component, 13.5);
            }
        }
    }
    hidden_everywhere(&mut svg, &scene, &main, &from_main, &from_other);
    center_of_mass(&mut svg, drawing, &main);
    triad(&mut svg, &main, [100.0, 1385.0]);
    footer(&mut svg, drawing);
    color_bar(&mut svg, drawing, scale, [1400.0, 660.0, 620.0]);
    component_table(&mut svg, drawing, scale, [1400.0, 730.0, 624.0, 716.0]);
    svg.finish()
}

struct Scene {
    components: Vec<Cuboid>,
    keep_outs: Vec<Cuboid>,
}

impl Scene {
    fn of(drawing: &Drawing<'_>) -> Self {
        let placed = drawing.satellite.components.iter().zip(&drawing.layout.placements);
        let components = placed
            .map(|(component, placement)| {
                let (min, extents) =
                    (placement.min_corner_m(component.size_m), placement.extents_m(component.size_m));
                (min, std::array::from_fn(|axis| min[axis] + extents[axis]))
            })
            .collect();
        let keep_outs =
            drawing.satellite.keep_outs.iter().map(|keep_out| (keep_out.min_m, keep_out.max_m)).collect();
        Scene { components, keep_outs }
    }

    /// The envelope and whatever stands out of it.
    fn bounds(&self, drawing: &Drawing<'_>) -> Cuboid {
        let half = drawing.satellite.envelope.outer_size_m.map(|size| 0.5 * size);
        let all = self.components.iter().copied().chain([(half.map(|value| -value), half)]);
        all.fold(([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]), |(low, high), (min, max)| {
            (
                std::array::from_fn(|axis| low[axis].min(min[axis])),
                std::array::from_fn(|axis| high[axis].max(max[axis])),
            )
        })
    }

    fn paint(&self, svg: &mut Svg, drawing: &Drawing<'_>, scale: TemperatureScale, view: &View) {
        envelope_behind(svg, drawing, &self.components, view);
        let boxes = self.components.iter().chain(&self.keep_outs);
        let faces = boxes
            .enumerate()
            .flat_map(|(owner, (min, max))| visible_faces(*min, *max, view, owner))
            .collect();
        for face in back_to_front(faces, view) {
            if face.owner < self.components.len() {
                let base = scale.color(drawing.temp_c(face.owner));
                component_face(svg, view, &face, base, drawing.is_in_violation(face.owner));
            } else {
                let points = outline(&face, view);
                svg.polygon(&points, RED, 0.16, None);
                strokes(svg, view, &face, Stroke::new(RED, 1.8).dashed("7 5").with_opacity(0.8));
            }
        }
        envelope_in_front(svg, drawing, view);
    }

    /// For every component the point of its faces that is seen best: far from
    /// all edges, from what hides it and from the pixel `avoid`. `None` when
    /// nothing of it is seen.
    fn points_in_view(&self, view: &View, avoid: Option<[f64; 2]>) -> Vec<Option<Vec3>> {
        const SAMPLES: usize = 9;
        let seen_point = |component: usize| {
            let (min, max) = self.components[component];
            let mut best: Option<(f64, Vec3)> = None;
            for face in visible_faces(min, max, view, component) {
                let point = |i: usize, j: usize| {
                    let mut point = [0.0; 3];
                    point[face.axis] = face.at;
                    for (side, step) in [i, j].into_iter().enumerate() {
                        let [low, high] = face.span[side];
                        point[face.in_plane()[side]] =
                            low + (high - low) * (step as f64 + 0.5) / SAMPLES as f64;
                    }
                    point
                };
                let others = || {
                    self.components
                        .iter()
                        .enumerate()
                        .filter(|(other, _)| *other != component)
                        .map(|(_, cuboid)| *cuboid)
                };
                let hidden: Vec<bool> = (0..SAMPLES * SAMPLES)
                    .map(|k| is_hidden(point(k / SAMPLES, k % SAMPLES), others(), view))
                    .collect();
                let (across, along) = {
                    let pixels = |side: usize| {
                        let mut vector = [0.0; 3];
                        vector[face.in_plane()[side]] =
                            (face.span[side][1] - face.span[side][0]) / SAMPLES as f64;
                        let [x, y] = view.direction(vector);
                        x.hypot(y)
                    };
                    (pixels(0), pixels(1))
                };
                for k in (0..SAMPLES * SAMPLES).filter(|k| !hidden[*k]) {
                    let (i, j) = ((k / SAMPLES) as f64, (k % SAMPLES) as f64);
                    let to = |x: f64, y: f64| ((x - i) * across).hypot((y - j) * along);
                    let rim = SAMPLES as f64 - 0.5;
                    let edge = [to(-0.5, j), to(rim, j), to(i, -0.5), to(i, rim)]
                        .into_iter()
                        .fold(f64::INFINITY, f64::min);
                    let room = (0..SAMPLES * SAMPLES)
                        .filter(|other| hidden[*other])
                        .map(|other| to((other / SAMPLES) as f64, (other % SAMPLES) as f64))
                        .fold(edge, f64::min);
                    let room = avoid.map_or(room, |[x, y]| {
                        let place = view.project(point(k / SAMPLES, k % SAMPLES));
                        room.min((place[0] - x).hypot(place[1] - y))
                    });
                    if best.is_none_or(|(most, _)| room > most + 1e-9) {
                        best = Some((room, point(k / SAMPLES, k % SAMPLES)));
                    }
                }
            }
            best.map(|(_, point)| point)
        };
        (0..self.components.len()).map(seen_point).collect()
    }
}

/// One face: the lighter the more it looks up, with the edges of the box drawn.
fn component_face(svg: &mut Svg, view: &View, face: &Face, base: Color, in_violation: bool) {
    let shade = match face.axis {
        2 => base.mixed(Color::WHITE, 0.16),
        1 => base.mixed(Color(0, 0, 0), 0.10),
        _ => base.mixed(Color(0, 0, 0), 0.26),
    };
    // A stroke in the face's own color closes the seam between pieces.
    svg.polygon(&outline(face, view), shade, 1.0, Some(Stroke::new(shade, 0.6)));
    let edge = if in_violation { Stroke::new(RED, 3.2) } else { Stroke::new(base.mixed(INK, 0.72), 1.3) };
    strokes(svg, view, face, edge);
}

fn outline(face: &Face, view: &View) -> [[f64; 2]; 4] {
    [[0, 0], [1, 0], [1, 1], [0, 1]].map(|ends| view.project(face.corner(ends)))
}

fn strokes(svg: &mut Svg, view: &View, face: &Face, stroke: Stroke) {
    for end in 0..2 {
        if face.edges[0][end] {
            svg.line(view.project(face.corner([end, 0])), view.project(face.corner([end, 1])), stroke);
        }
        if face.edges[1][end] {
            svg.line(view.project(face.corner([0, end])), view.project(face.corner([1, end])), stroke);
        }
    }
}

/// The three panels behind everything, with their names on them.
fn envelope_behind(svg: &mut Svg, drawing: &Drawing<'_>, boxes: &[Cuboid], view: &View) {
    let half = drawing.satellite.envelope.inner_size_m.map(|size| 0.5 * size);
    for panel in Panel::ALL {
        let (axis, sign) = (panel.normal_axis(), panel.outward_sign());
        if view.faces_viewer(axis, sign) {
            continue;
        }
        let (u, v) = panel.in_plane_axes();
        let corner = |su: f64, sv: f64| {
            let mut point = [0.0; 3];
            point[axis] = sign * half[axis];
            point[u] = su * half[u];
            point[v] = sv * half[v];
            point
        };
        let points =
            [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(su, sv)| view.project(corner(su, sv)));
        let tint = if axis == 2 { PANEL.mixed(FRAME, 0.22) } else { PANEL.mixed(FRAME, 0.08 * axis as f64) };
        svg.polygon(&points, tint, 1.0, Some(Stroke::new(FRAME, 2.0)));
        panel_name(svg, view, panel, half, boxes, corner);
    }
}

/// The label painted on the panel, upright and not mirrored, in the corner
/// where least of it is hidden.
fn panel_name(
    svg: &mut Svg,
    view: &View,
    panel: Panel,
    half: Vec3,
    boxes: &[Cuboid],
    corner: impl Fn(f64, f64) -> Vec3,
) {
    let (u, v) = panel.in_plane_axes();
    let unit = |axis: usize| {
        let mut vector = [0.0; 3];
        vector[axis] = 1.0;
        view.direction(vector)
    };
    let (mut right, mut up) = (unit(u), unit(v));
    // Signs of the panel's axes along which the text runs and stands.
    let (mut along, mut upward) = (1.0, 1.0);
    if right[0] < 0.0 {
        right = right.map(|value| -value);
        along = -1.0;
    }
    // y grows downward on the page: a turn from right to up is negative there.
    if right[0] * up[1] - right[1] * up[0] > 0.0 {
        up = up.map(|value| -value);
        upward = -1.0;
    }
    let size_m = 0.24 * half[u].min(half[v]);
    let (length_m, height_m) = (1.3 * size_m, 0.75 * size_m);
    // Base point of the text, with `start` (-1 left, 1 right) and `level` (-1 low, 1 high).
    let base = |start: f64, level: f64| {
        let at_u = start * (half[u] - 0.35 * size_m) - if start > 0.0 { length_m } else { 0.0 };
        let at_v = level * (half[v] - 0.35 * size_m) - if level > 0.0 { height_m } else { 0.0 };
        (at_u, at_v)
    };
    let point = |(at_u, at_v): (f64, f64)| corner(along * at_u / half[u], upward * at_v / half[v]);
    let hidden = |(at_u, at_v): (f64, f64)| {
        let samples = (0..15)
            .map(|k| (at_u + length_m * f64::from(k % 5) / 4.0, at_v + height_m * f64::from(k / 5) / 2.0));
        samples.filter(|place| is_hidden(point(*place), boxes.iter().copied(), view)).count()
    };
    let corners =
        [(-1.0, 1.0), (1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)].map(|(start, level)| base(start, level));
    let best = corners.into_iter().min_by_key(|place| hidden(*place)).unwrap_or(corners[0]);
    let scale = size_m / 40.0;
    let style = TextStyle::new(40.0, FRAME).bold();
    let text = (right.map(|value| value * scale), up.map(|value| value * scale));
    svg.text_in_plane(view.project(point(best)), text.0, text.1, panel.label(), style);
}

/// The edges of the envelope that are nearer than the components.
fn envelope_in_front(svg: &mut Svg, drawing: &Drawing<'_>, view: &View) {
    let half = drawing.satellite.envelope.inner_size_m.map(|size| 0.5 * size);
    let points = corners(half.map(|value| -value), half);
    for from in 0..8usize {
        for axis in (0..3).filter(|axis| from >> axis & 1 == 0) {
            // An edge belongs to two faces; it is in front when one of them is.
            let front = (0..3)
                .filter(|other| *other != axis)
                .any(|other| view.faces_viewer(other, if from >> other & 1 == 1 { 1.0 } else { -1.0 }));
            if front {
                let stroke = Stroke::new(INK, 1.6).with_opacity(0.55);
                svg.line(view.project(points[from]), view.project(points[from | 1 << axis]), stroke);
            }
        }
    }
}

/// Millimetre scales along three edges of the silhouette.
fn rulers(svg: &mut Svg, drawing: &Drawing<'_>, view: &View) {
    let half = drawing.satellite.envelope.inner_size_m.map(|size| 0.5 * size);
    // Axis of the scale, the edge it lies on, and the way out of the box.
    let scales = [
        (0, [0.0, -half[1], -half[2]], [0.0, -1.0, 0.0]),
        (1, [half[0], 0.0, -half[2]], [1.0, 0.0, 0.0]),
        (2, [-half[0], -half[1], 0.0], [-1.0, 0.0, 0.0]),
    ];
    for (axis, edge, out) in scales {
        let [x, y] = view.direction(out);
        let length = x.hypot(y);
        let away = |pixels: f64| [x / length * pixels, y / length * pixels];
        let at = |value_m: f64, pixels: f64| {
            let mut point = edge;
            point[axis] = value_m;
            let ([px, py], [ax, ay]) = (view.project(point), away(pixels));
            [px + ax, py + ay]
        };
        let values = ticks(-half[axis] * MM_PER_M, half[axis] * MM_PER_M, 5);
        let anchor = if x > 1e-9 { Anchor::Start } else { Anchor::End };
        for value in &values {
            svg.line(at(value / MM_PER_M, 2.0), at(value / MM_PER_M, 10.0), Stroke::new(MUTED, 1.5));
            let [px, py] = at(value / MM_PER_M, 17.0);
            svg.text(
                [px, py + 6.0],
                &tick_label(*value, &values),
                TextStyle::new(16.0, MUTED).anchored(anchor),
            );
        }
        let [px, py] = at(0.0, 74.0);
        let name = format!("{} / mm", ["X", "Y", "Z"][axis]);
        svg.text([px, py + 6.0], &name, TextStyle::new(19.0, INK).bold().anchored(Anchor::Middle));
    }
}

/// A dashed disc where a component stands that neither view shows.
fn hidden_everywhere(
    svg: &mut Svg,
    scene: &Scene,
    view: &View,
    first: &[Option<Vec3>],
    second: &[Option<Vec3>],
) {
    for (component, (min, max)) in scene.components.iter().enumerate() {
        if first[component].is_none() && second[component].is_none() {
            let middle: Vec3 = std::array::from_fn(|axis| 0.5 * (min[axis] + max[axis]));
            let [x, y] = view.project(middle);
            svg.circle([x, y], 13.0, None, Some(Stroke::new(Color::WHITE, 4.0)));
            svg.circle([x, y], 13.0, None, Some(Stroke::new(INK, 1.6).dashed("3 3")));
            let style = TextStyle::new(14.0, INK).bold().anchored(Anchor::Middle).haloed();
            svg.text([x, y + 5.0], &(component + 1).to_string(), style);
        }
    }
}

fn center_of_mass(svg: &mut Svg, drawing: &Drawing<'_>, view: &View) {
    let [x, y] = view.project([0.0; 3]);
    for (dx, dy) in [(11.0, 0.0), (0.0, 11.0)] {
        svg.line([x - dx, y - dy], [x + dx, y + dy], Stroke::new(Color::WHITE, 5.0));
        svg.line([x - dx, y - dy], [x + dx, y + dy], Stroke::new(INK, 2.0));
    }
    mass_marker(svg, view.project(drawing.evaluation.cg_m), 12.0);
}

/// The engineers' sign of a centre of mass: a disc in quarters.
fn mass_marker(svg: &mut Svg, [x, y]: [f64; 2], radius: f64) {
    svg.circle([x, y], radius + 2.0, Some(Color::WHITE), Some(Stroke::new(INK, 2.0)));
    let quarter = |sx: f64, sy: f64, sweep: u8| {
        format!(
            "M{x:.2} {y:.2} L{:.2} {y:.2} A{radius} {radius} 0 0 {sweep} {x:.2} {:.2} Z",
            x + sx * radius,
            y + sy * radius
        )
    };
    svg.path(&quarter(1.0, -1.0, 0), INK);
    svg.path(&quarter(-1.0, 1.0, 0), INK);
}

fn triad(svg: &mut Svg, view: &View, origin: [f64; 2]) {
    for (axis, color) in [RED, GREEN, BLUE].into_iter().enumerate() {
        let mut vector = [0.0; 3];
        vector[axis] = 1.0;
        let [x, y] = view.direction(vector);
        let longest = (0..3).map(|other| {
            let mut unit = [0.0; 3];
            unit[other] = 1.0;
            let [x, y] = view.direction(unit);
            x.hypot(y)
        });
        let scale = 62.0 / longest.fold(f64::MIN_POSITIVE, f64::max);
        let tip = [origin[0] + x * scale, origin[1] + y * scale];
        svg.line(origin, tip, Stroke::new(color, 4.0));
        let name = [origin[0] + x * scale * 1.28, origin[1] + y * scale * 1.28 + 7.0];
        svg.text(name, ["X", "Y", "Z"][axis], TextStyle::new(19.0, color).bold().anchored(Anchor::Middle));
    }
}

/// What the signs mean.
fn footer(svg: &mut Svg, drawing: &Drawing<'_>) {
    let mut x = 230.0;
    let y = 1430.0;
    let style = TextStyle::new(18.0, MUTED);
    let mut entry = |svg: &mut Svg, text: &str, sign: &dyn Fn(&mut Svg, [f64; 2])| {
        sign(svg, [x, y - 6.0]);
        svg.text([x + 24.0, y], text, style);
        x += 24.0 + drawing.fonts.width(text, 18.0, false) + 44.0;
    };
    let [cx, cy, cz] = drawing.evaluation.cg_m.map(|value| (value * MM_PER_M * 10.0).round() / 10.0 + 0.0);
    let mass = format!("{} ({cx:.1}, {cy:.1}, {cz:.1}) mm", drawing.both("centre of mass", "质心"));
    entry(svg, &mass, &|svg, at| mass_marker(svg, at, 9.0));
    entry(svg, &drawing.both("envelope centre", "包络中心"), &|svg, [x, y]| {
        svg.line([x - 9.0, y], [x + 9.0, y], Stroke::new(INK, 2.0));
        svg.line([x, y - 9.0], [x, y + 9.0], Stroke::new(INK, 2.0));
    });
    if !drawing.satellite.keep_outs.is_empty() {
        entry(svg, &drawing.both("keep-out", "禁布区"), &|svg, [x, y]| {
            let square = [[x - 9.0, y - 9.0], [x + 9.0, y - 9.0], [x + 9.0, y + 9.0], [x - 9.0, y + 9.0]];
            svg.polygon(&square, RED, 0.16, Some(Stroke::new(RED, 1.6).dashed("4 3")));
        });
    }
    if (0..drawing.satellite.components.len()).any(|component| drawing.is_in_violation(component)) {
        entry(svg, &drawing.both("breaks a limit", "超限"), &|svg, [x, y]| {
            svg.rounded([x - 9.0, y - 9.0, 18.0, 18.0], 0.0, None, Some(Stroke::new(RED, 3.2)));
        });
    }
}
