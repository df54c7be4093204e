use model::Vec3;

use super::view::View;

/// A rectangle with its normal along an axis: a face of a box or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Face {
    /// Axis of the normal.
    pub(crate) axis: usize,
    /// Place of the face along that axis, m.
    pub(crate) at: f64,
    /// Extent along the other axes in ascending order: minimum and maximum, m.
    pub(crate) span: [[f64; 2]; 2],
    /// Whether the edges at the minimum and maximum of each span are edges of
    /// the box, and not cuts.
    pub(crate) edges: [[bool; 2]; 2],
    /// Which box it belongs to.
    pub(crate) owner: usize,
}

impl Face {
    /// The axes of [`Face::span`].
    pub(crate) fn in_plane(&self) -> [usize; 2] {
        [[1, 2], [0, 2], [0, 1]][self.axis]
    }

    /// A corner; `ends` choose minimum (0) or maximum (1) of each span.
    pub(crate) fn corner(&self, ends: [usize; 2]) -> Vec3 {
        let mut point = [0.0; 3];
        point[self.axis] = self.at;
        for (side, axis) in self.in_plane().into_iter().enumerate() {
            point[axis] = self.span[side][ends[side]];
        }
        point
    }
}

/// The faces of a box that the viewer sees from outside.
pub(crate) fn visible_faces(min: Vec3, max: Vec3, view: &View, owner: usize) -> Vec<Face> {
    (0..3)
        .filter_map(|axis| {
            let at = if view.faces_viewer(axis, 1.0) {
                max[axis]
            } else if view.faces_viewer(axis, -1.0) {
                min[axis]
            } else {
                return None;
            };
            let in_plane = [[1, 2], [0, 2], [0, 1]][axis];
            let span = in_plane.map(|other| [min[other], max[other]]);
            Some(Face { axis, at, span, edges: [[true; 2]; 2], owner })
        })
        .collect()
}

/// The faces in an order in which nearer ones follow those they hide.
///
/// Each step chooses the plane of one face and parts the others by it: what
/// lies on the viewer's side of a plane cannot be hidden by what lies beyond
/// it. A face that crosses the plane is cut, so the order is right for cyclic
/// and even for overlapping boxes, where no order of whole boxes exists.
pub(crate) fn back_to_front(faces: Vec<Face>, view: &View) -> Vec<Face> {
    let mut ordered = Vec::with_capacity(faces.len());
    let mut pending = vec![Step::Part(faces)];
    while let Some(step) = pending.pop() {
        let faces = match step {
            Step::Draw(faces) => {
                ordered.extend(faces);
                continue;
            }
            Step::Part(faces) => faces,
        };
        let Some(plane) = best_plane(&faces) else {
            ordered.extend(faces);
            continue;
        };
        let parts = part(faces, plane);
        let (far, near) =
            if view.toward[plane.0] > 0.0 { (parts.below, parts.above) } else { (parts.above, parts.below) };
        // A stack: what is pushed last is taken first.
        pending.push(Step::Part(near));
        pending.push(Step::Draw(parts.within));
        pending.push(Step::Part(far));
    }
    ordered
}

enum Step {
    Draw(Vec<Face>),
    Part(Vec<Face>),
}

#[derive(Default)]
struct Parts {
    below: Vec<Face>,
    within: Vec<Face>,
    above: Vec<Face>,
}

/// Faces nearer to a plane than this count as lying in it, m.
const SAME_PLANE_M: f64 = 1e-9;

fn part(faces: Vec<Face>, (axis, at): (usize, f64)) -> Parts {
    let mut parts = Parts::default();
    for face in faces {
        let Some(side) = face.in_plane().into_iter().position(|other| other == axis) else {
            if (face.at - at).abs() <= SAME_PLANE_M {
                parts.within.push(face);
            } else if face.at < at {
                parts.below.push(face);
            } else {
                parts.above.push(face);
            }
            continue;
        };
        let [min, max] = face.span[side];
        if max <= at + SAME_PLANE_M {
            parts.below.push(face);
        } else if min >= at - SAME_PLANE_M {
            parts.above.push(face);
        } else {
            let (mut low, mut high) = (face, face);
            low.span[side][1] = at;
            low.edges[side][1] = false;
            high.span[side][0] = at;
            high.edges[side][0] = false;
            parts.below.push(low);
            parts.above.push(high);
        }
    }
    parts
}

/// The plane of a face that cuts fewest others and parts them most evenly;
/// `None` when there is nothing to part.
fn best_plane(faces: &[Face]) -> Option<(usize, f64)> {
    if faces.len() < 2 {
        return None;
    }
    let stride = faces.len().div_ceil(64);
    let planes = faces.iter().step_by(stride).map(|face| (face.axis, face.at));
    planes.min_by_key(|(axis, at)| {
        let (mut below, mut above, mut cut) = (0usize, 0usize, 0usize);
        for face in faces {
            let [min, max] = match face.in_plane().into_iter().position(|other| other == *axis) {
                Some(side) => face.span[side],
                None => [face.at; 2],
            };
            if max <= at + SAME_PLANE_M {
                below += 1;
            } else if min >= at - SAME_PLANE_M {
                above += 1;
            } else {
                cut += 1;
            }
        }
        8 * cut + below.abs_diff(above)
    })
}

/// Whether a point is hidden from the viewer by one of the boxes.
pub(crate) fn is_hidden(point: Vec3, boxes: impl Iterator<Item = (Vec3, Vec3)>, view: &View) -> bool {
    for (min, max) in boxes {
        let (mut enter, mut leave) = (0.0f64, f64::INFINITY);
        for axis in 0..3 {
            let slope = view.toward[axis];
            if slope == 0.0 {
                if point[axis] <= min[axis] || point[axis] >= max[axis] {
                    leave = -1.0;
                }
                continue;
            }
            let (a, b) = ((min[axis] - point[axis]) / slope, (max[axis] - point[axis]) / slope);
            enter = enter.max(a.min(b));
            leave = leave.min(a.max(b));
        }
        if leave > enter + SAME_PLANE_M {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cuboid = (Vec3, Vec3);

    /// The owner of the last face in drawing order that covers a pixel.
    fn drawn_on_top(ordered: &[Face], view: &View, pixel: [f64; 2]) -> Option<usize> {
        let inside = |face: &Face| {
            let points = [[0, 0], [1, 0], [1, 1], [0, 1]].map(|ends| view.project(face.corner(ends)));
            let turns: Vec<f64> = (0..4)
                .map(|i| {
                    let (a, b) = (points[i], points[(i + 1) % 4]);
                    (b[0] - a[0]) * (pixel[1] - a[1]) - (b[1] - a[1]) * (pixel[0] - a[0])
                })
                .collect();
            turns.iter().all(|turn| *turn > 0.0) || turns.iter().all(|turn| *turn < 0.0)
        };
        ordered.iter().rev().find(|face| inside(face)).map(|face| face.owner)
    }

    fn check(boxes: &[Cuboid]) {
        for (azimuth, elevation) in [(-52.0, 24.0), (128.0, -24.0), (10.0, 60.0)] {
            let view = View::from_direction(azimuth, elevation).fitted(
                [-1.5; 3],
                [1.5; 3],
                [0.0, 0.0, 300.0, 300.0],
            );
            let faces: Vec<Face> = boxes
                .iter()
                .enumerate()
                .flat_map(|(owner, (min, max))| visible_faces(*min, *max, &view, owner))
                .collect();
            let ordered = back_to_front(faces.clone(), &view);
            // Points of every face: one that no box hides is on top in the drawing.
            let mut seen = 0;
            for face in &faces {
                for i in 1..8 {
                    for j in 1..8 {
                        let mut point = [0.0; 3];
                        point[face.axis] = face.at;
                        for (side, share) in [i, j].into_iter().enumerate() {
                            let [min, max] = face.span[side];
                            point[face.in_plane()[side]] =
                                min + (max - min) * (f64::from(share) + 0.137) / 8.3;
                        }
                        if !is_hidden(point, boxes.iter().copied(), &view) {
                            seen += 1;
                            let top = drawn_on_top(&ordered, &view, view.project(point));
                            assert_eq!(top, Some(face.owner), "{point:?} from {azimuth}/{elevation}");
                        }
                    }
                }
            }
            assert!(seen > 20, "{seen} points are visible");
        }
    }

    #[test]
    fn three_beams_that_hide_one_another_in_a_ring() {
        check(&[
            ([-1.0, -0.2, -0.4], [1.0, 0.1, -0.1]),
            ([0.3, -1.0, -0.05], [0.6, 1.0, 0.3]),
            ([-0.3, 0.15, -1.0], [0.2, 0.5, 1.0]),
        ]);
    }

    #[test]
    fn a_long_box_beside_small_ones_where_centroids_mislead() {
        check(&[
            ([-1.4, -0.1, -0.1], [1.4, 0.1, 0.1]),
            ([1.0, -0.5, -0.1], [1.2, -0.12, 0.4]),
            ([-1.2, 0.12, -0.3], [-0.8, 0.4, 0.4]),
            ([-1.0, -1.2, -1.2], [1.0, -0.9, 1.0]),
        ]);
    }

    #[test]
    fn boxes_that_overlap_are_cut_where_they_meet() {
        check(&[([-0.5; 3], [0.5; 3]), ([0.2, 0.1, 0.3], [0.9, 0.8, 1.0])]);
    }

    #[test]
    fn a_lattice_of_boxes() {
        let boxes: Vec<Cuboid> = (0..27)
            .map(|i| {
                let min = [i % 3, i / 3 % 3, i / 9].map(|place| -1.2 + 0.8 * f64::from(place));
                (min, min.map(|value| value + 0.55))
            })
            .collect();
        check(&boxes);
    }
}
