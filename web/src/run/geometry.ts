import type { Vector } from '@msgalaxy/client';
import type { LayoutComponent, LayoutState } from './layout';

/** x, y, z in mm. */
export type Point = readonly [number, number, number];

/** An axis-aligned box. */
export interface Box {
  min: Point;
  max: Point;
}

/** Where the eye is: degrees about the vertical (z), and above the horizon. */
export interface View {
  yaw: number;
  pitch: number;
}

/** Screen axes of a view: right, up, and away from the eye. */
export interface Camera {
  right: Point;
  up: Point;
  away: Point;
}

/** One visible face: its corners on the screen, and how much it is lit (0 to 1). */
export interface Face {
  corners: [number, number][];
  light: number;
}

const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const point = ({ x, y, z }: Vector): Point => [x, y, z];

/** The axes of a view. Looking along +y at yaw 0 and pitch 0, z is up. */
export function camera({ yaw, pitch }: View): Camera {
  const [sy, cy] = [Math.sin((yaw * Math.PI) / 180), Math.cos((yaw * Math.PI) / 180)];
  const [sp, cp] = [Math.sin((pitch * Math.PI) / 180), Math.cos((pitch * Math.PI) / 180)];
  return { right: [cy, sy, 0], up: [-sy * sp, cy * sp, cp], away: [-sy * cp, cy * cp, -sp] };
}

/** Screen coordinates, y downward as in SVG. */
export function project(view: Camera, p: Point): [number, number] {
  return [dot(p, view.right), -dot(p, view.up)];
}

/**
 * The box that a component fills. `position` is the minimum corner of the
 * rotated box, so twice the way to the center is its size; without a center
 * the unrotated dimensions must do.
 */
export function boxOf(component: LayoutComponent): Box {
  const min = point(component.position);
  if (!component.center) {
    const { x, y, z } = component.dimensions;
    return { min, max: [min[0] + x, min[1] + y, min[2] + z] };
  }
  const center = point(component.center);
  return { min, max: [2 * center[0] - min[0], 2 * center[1] - min[1], 2 * center[2] - min[2]] };
}

/** The inner box of the envelope, centered at the origin. */
export function envelopeBox({ envelope }: LayoutState): Box {
  const { x, y, z } = envelope.inner_size;
  return { min: [-x / 2, -y / 2, -z / 2], max: [x / 2, y / 2, z / 2] };
}

/** The point between two. */
export function mix(a: Box, b: Box, share: number): Box {
  const between = (p: Point, q: Point): Point => [
    p[0] + (q[0] - p[0]) * share,
    p[1] + (q[1] - p[1]) * share,
    p[2] + (q[2] - p[2]) * share,
  ];
  return { min: between(a.min, b.min), max: between(a.max, b.max) };
}

function corner(box: Box, bits: number): Point {
  return [bits & 1 ? box.max[0] : box.min[0], bits & 2 ? box.max[1] : box.min[1], bits & 4 ? box.max[2] : box.min[2]];
}

/** Corners of the face at the low (0) or high (1) end of an axis, around. */
function faceCorners(axis: number, end: number): [number, number, number, number] {
  const own = end << axis;
  const [u, v] = [1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3)];
  return [own, own | u, own | u | v, own | v];
}

/** Light from above and from the left, so that the three kinds of faces differ. */
const LIGHT: readonly [number, number][] = [
  [0.62, 0.72],
  [0.8, 0.62],
  [0.5, 1],
];

/** The faces on the eye's side, or (`back`) those on the far side. */
export function faces(view: Camera, box: Box, back = false): Face[] {
  const found: Face[] = [];
  for (let axis = 0; axis < 3; axis += 1) {
    const along = view.away[axis]!;
    if (Math.abs(along) < 1e-6) continue;
    const end = along > 0 === back ? 1 : 0;
    found.push({
      corners: faceCorners(axis, end).map((bits) => project(view, corner(box, bits))),
      light: LIGHT[axis]![end as 0 | 1],
    });
  }
  return found;
}

/** Whether `a` must be drawn before `b`: on every axis that keeps them apart, `a` is on the far side. */
function isBehind(view: Camera, a: Box, b: Box): boolean {
  let behind = false;
  for (let axis = 0; axis < 3; axis += 1) {
    const along = view.away[axis]!;
    if (Math.abs(along) < 1e-6) continue;
    const above = a.min[axis]! >= b.max[axis]! - 1e-6;
    const below = a.max[axis]! <= b.min[axis]! + 1e-6;
    if (!above && !below) continue;
    if (above !== along > 0) return false;
    behind = true;
  }
  return behind;
}

/** Indices of the boxes, farthest first, so that nearer ones paint over them. Overlapping boxes go by their centers. */
export function paintOrder(view: Camera, boxes: readonly Box[]): number[] {
  const depth = boxes.map((box) => dot(view.away, box.min) + dot(view.away, box.max));
  const waiting = boxes.map(() => 0);
  const before: number[][] = boxes.map(() => []);
  for (let a = 0; a < boxes.length; a += 1) {
    for (let b = 0; b < boxes.length; b += 1) {
      if (a === b || !isBehind(view, boxes[a]!, boxes[b]!)) continue;
      before[a]!.push(b);
      waiting[b]! += 1;
    }
  }
  const left = new Set(boxes.keys());
  const order: number[] = [];
  while (left.size > 0) {
    // Of those that nothing must precede, the farthest; in a ring, the farthest of all.
    let next = -1;
    let free = false;
    for (const index of left) {
      const ready = waiting[index] === 0;
      if (next < 0 || (ready && !free) || (ready === free && depth[index]! > depth[next]!)) {
        next = index;
        free = ready;
      }
    }
    left.delete(next);
    order.push(next);
    for (const index of before[next]!) waiting[index]! -= 1;
  }
  return order;
}

/** The rectangle that holds a box at this pitch from every side: a drawing that is turned does not jump. */
export function frame(box: Box, view: View): { x: number; y: number; width: number; height: number } {
  const [dx, dy, dz] = [0, 1, 2].map((axis) => box.max[axis]! - box.min[axis]!) as [number, number, number];
  const middle: Point = [(box.min[0] + box.max[0]) / 2, (box.min[1] + box.max[1]) / 2, (box.min[2] + box.max[2]) / 2];
  const [x, y] = project(camera(view), middle);
  const pitch = (Math.abs(view.pitch) * Math.PI) / 180;
  const width = Math.hypot(dx, dy) * 1.06;
  const height = (Math.hypot(dx, dy) * Math.sin(pitch) + dz * Math.cos(pitch)) * 1.06;
  return { x: x - width / 2, y: y - height / 2, width, height };
}
