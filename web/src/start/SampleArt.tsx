import { shade, viridis } from '../run/color';
import { type Box, camera, envelopeBox, faces, frame, paintOrder } from '../run/geometry';

const VIEW = { yaw: 38, pitch: 28 };
const SIZE = { x: 120, y: 100, z: 74 };
const HULL = envelopeBox({ envelope: { inner_size: SIZE } } as Parameters<typeof envelopeBox>[0]);

/** A decorative drawing: some boxes in a hull. It shows no real layout, so it is hidden from screen readers. */
export function SampleArt({ seed, boxes }: { seed: number; boxes: number }) {
  const view = camera(VIEW);
  const content = scatter(seed, boxes);
  const { x, y, width, height } = frame(HULL, VIEW);
  return (
    <svg class="art" viewBox={`${x} ${y} ${width} ${height}`} aria-hidden="true" focusable="false">
      {faces(view, HULL, true).map(({ corners }, index) => (
        <polygon key={`back${index}`} class="art-hull" points={corners.join(' ')} />
      ))}
      {paintOrder(view, content).map((index) =>
        faces(view, content[index]!).map(({ corners, light }, face) => (
          <polygon
            key={`${index}.${face}`}
            points={corners.join(' ')}
            fill={shade(viridis(0.12 + (0.8 * ((index * 37 + seed * 17) % 100)) / 100), light)}
            stroke={shade(viridis(0.3), 0.5)}
            stroke-width="0.4"
          />
        )),
      )}
      {faces(view, HULL).map(({ corners }, index) => (
        <polygon key={`front${index}`} class="art-edge" points={corners.join(' ')} />
      ))}
    </svg>
  );
}

/** Boxes on a grid on the floor and the walls' foot, with sizes from a small generator. */
function scatter(seed: number, count: number): Box[] {
  let state = seed * 2654435761;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const columns = Math.ceil(Math.sqrt(count * 1.2));
  const rows = Math.ceil(count / columns);
  const [cellX, cellY] = [SIZE.x / columns, SIZE.y / rows];
  return Array.from({ length: count }, (_, index) => {
    const low: [number, number] = [-SIZE.x / 2 + (index % columns) * cellX, -SIZE.y / 2 + Math.floor(index / columns) * cellY];
    const gap = 0.08 + random() * 0.14;
    const height = SIZE.z * (0.2 + random() * 0.55);
    return {
      min: [low[0] + cellX * gap, low[1] + cellY * gap, -SIZE.z / 2],
      max: [low[0] + cellX * (1 - gap), low[1] + cellY * (1 - gap), -SIZE.z / 2 + height],
    };
  });
}
