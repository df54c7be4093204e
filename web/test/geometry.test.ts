import type { ComponentState } from '@msgalaxy/client';
import { describe, expect, it } from 'vitest';
import { type Box, boxOf, camera, faces, frame, mix, paintOrder, type Point, project } from '../src/run/geometry';

const ISO = { yaw: 38, pitch: 28 };
const cube = (x: number, y: number, z: number, size = 10): Box => ({ min: [x, y, z], max: [x + size, y + size, z + size] });

describe('the eye', () => {
  it('sees x to the right and z up from the front, and turns with the yaw', () => {
    expect(project(camera({ yaw: 0, pitch: 0 }), [1, 5, 2])).toEqual([1, -2]);
    const [x, y] = project(camera({ yaw: 90, pitch: 0 }), [1, 5, 2]);
    expect(x).toBeCloseTo(5);
    expect(y).toBeCloseTo(-2);
  });

  it('looks down from the top', () => {
    const [x, y] = project(camera({ yaw: 0, pitch: 90 }), [1, 5, 2]);
    expect(x).toBeCloseTo(1);
    expect(y).toBeCloseTo(-5);
  });

  it('sees three faces of a box, and one of a box in front', () => {
    expect(faces(camera(ISO), cube(0, 0, 0))).toHaveLength(3);
    expect(faces(camera({ yaw: 0, pitch: 0 }), cube(0, 0, 0))).toHaveLength(1);
  });
});

describe('the order of painting', () => {
  it('puts what is behind first, whatever the input order', () => {
    const view = camera({ yaw: 0, pitch: 0 }); // looking along +y
    expect(paintOrder(view, [cube(0, 0, 0), cube(0, 20, 0)])).toEqual([1, 0]);
    expect(paintOrder(view, [cube(0, 20, 0), cube(0, 0, 0)])).toEqual([0, 1]);
  });

  it('is right where the order of centers would be wrong', () => {
    // A long bar lies behind a small box although its center is nearer to the eye.
    const view = camera(ISO);
    const bar: Box = { min: [-10, 10, 0], max: [400, 20, 10] };
    const box: Box = { min: [0, 0, 0], max: [9, 9, 9] };
    const depth = ({ min, max }: Box): number => view.away.reduce((sum, away, axis) => sum + (away * (min[axis]! + max[axis]!)) / 2, 0);
    expect(depth(bar)).toBeLessThan(depth(box));
    expect(paintOrder(view, [bar, box])).toEqual([0, 1]);
    expect(paintOrder(view, [box, bar])).toEqual([1, 0]);
  });

  it('draws every box once, also when they overlap or stand in a ring', () => {
    const boxes = Array.from({ length: 40 }, (_, index) => cube((index * 7) % 31, (index * 11) % 29, (index * 5) % 23));
    expect([...paintOrder(camera(ISO), boxes)].sort((a, b) => a - b)).toEqual(boxes.map((_, index) => index));
  });
});

describe('boxes', () => {
  it('come from the minimum corner and the center, so that rotation is in them', () => {
    const component = {
      position: { x: -5, y: -10, z: 0 },
      center: { x: 0, y: 0, z: 2 },
      dimensions: { x: 20, y: 10, z: 4 },
    } as ComponentState;
    expect(boxOf(component)).toEqual({ min: [-5, -10, 0], max: [5, 10, 4] });
    const { center: _, ...without } = component;
    expect(boxOf(without as ComponentState)).toEqual({ min: [-5, -10, 0], max: [15, 0, 4] });
  });

  it('glide from one place to another', () => {
    expect(mix(cube(0, 0, 0), cube(10, 20, 30), 0.5)).toEqual(cube(5, 10, 15));
  });

  it('fit into their frame from every side', () => {
    const box: Box = { min: [-60, -20, -80], max: [60, 20, 80] };
    for (let yaw = 0; yaw < 360; yaw += 15) {
      for (let pitch = -90; pitch <= 90; pitch += 15) {
        const { x, y, width, height } = frame(box, { yaw, pitch });
        for (let bits = 0; bits < 8; bits += 1) {
          const corner: Point = [bits & 1 ? 60 : -60, bits & 2 ? 20 : -20, bits & 4 ? 80 : -80];
          const [px, py] = project(camera({ yaw, pitch }), corner);
          expect(px).toBeGreaterThanOrEqual(x);
          expect(px).toBeLessThanOrEqual(x + width);
          expect(py).toBeGreaterThanOrEqual(y);
          expect(py).toBeLessThanOrEqual(y + height);
        }
      }
    }
  });
});
