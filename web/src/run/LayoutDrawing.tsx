import type { Signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import { shade } from './color';
import { type Box, boxOf, camera, envelopeBox, faces, frame, mix, paintOrder, project, type View } from './geometry';
import type { LayoutComponent, LayoutState } from './layout';

/** Views to choose from. Identity tells which one is chosen, so a turned view is none of them. */
export const VIEWS = {
  iso: { yaw: 38, pitch: 28 },
  front: { yaw: 0, pitch: 0 },
  side: { yaw: 90, pitch: 0 },
  top: { yaw: 0, pitch: 90 },
} as const satisfies Record<string, View>;
/** Name of a view. */
export type ViewName = keyof typeof VIEWS;

/** Milliseconds in which the boxes glide to their next places. */
const GLIDE_MS = 260;

interface Props {
  state: LayoutState;
  view: Signal<View>;
  color: (component: LayoutComponent) => string;
  /** What a screen reader says. */
  label: string;
  showLabels: boolean;
  hovered: Signal<string | null>;
}

/** The boxes in their envelope, as an eye far away sees them. */
export function LayoutDrawing({ state, view, color, label, showLabels, hovered }: Props) {
  const boxes = useGlidingBoxes(state);
  const svg = useRef<SVGSVGElement>(null);
  const turning = useTurning(view, svg);
  const eye = camera(view.value);
  const hull = useMemo(() => envelopeBox(state), [state]);
  const { x, y, width, height } = frame(hull, view.value);
  const order = paintOrder(eye, boxes);
  const fontSize = Math.max(width, height * 1.6) / 42;
  const nameIsShort = (component: LayoutComponent): string => (component.id.length > 16 ? `${component.id.slice(0, 15)}…` : component.id);

  return (
    <svg
      ref={svg}
      class="drawing"
      viewBox={`${x} ${y} ${width} ${height}`}
      role="img"
      aria-label={`${label} ${t('layout.drag')}`}
      tabindex={0}
      {...turning}
    >
      <g class="hull-back">
        {faces(eye, hull, true).map(({ corners }, index) => (
          <polygon key={index} points={corners.join(' ')} vector-effect="non-scaling-stroke" />
        ))}
      </g>
      {order.map((index) => {
        const component = state.components[index];
        if (!component) return null;
        const fill = color(component);
        const violated = typeof component.temp_margin === 'number' && component.temp_margin < 0;
        return (
          <g
            key={component.id}
            class={hovered.value === component.id ? 'part part-hovered' : violated ? 'part part-violated' : 'part'}
            data-component={component.id}
            onMouseEnter={() => (hovered.value = component.id)}
            onMouseLeave={() => (hovered.value = null)}
          >
            {faces(eye, boxes[index]!).map(({ corners, light }, face) => (
              <polygon key={face} points={corners.join(' ')} fill={shade(fill, light)} vector-effect="non-scaling-stroke" />
            ))}
          </g>
        );
      })}
      {state.keepouts.map((keepout, index) => {
        const box: Box = {
          min: [keepout.min_point.x, keepout.min_point.y, keepout.min_point.z],
          max: [keepout.max_point.x, keepout.max_point.y, keepout.max_point.z],
        };
        return (
          <g key={index} class="keepout">
            <title>{`${t('layout.keepout')} ${keepout.tag ?? ''}`}</title>
            {faces(eye, box).map(({ corners }, face) => (
              <polygon key={face} points={corners.join(' ')} vector-effect="non-scaling-stroke" />
            ))}
          </g>
        );
      })}
      <g class="hull-front">
        {faces(eye, hull).map(({ corners }, index) => (
          <polygon key={index} points={corners.join(' ')} vector-effect="non-scaling-stroke" />
        ))}
      </g>
      {showLabels &&
        order.map((index) => {
          const component = state.components[index];
          const box = boxes[index]!;
          if (!component) return null;
          const [cx, cy] = project(eye, [(box.min[0] + box.max[0]) / 2, (box.min[1] + box.max[1]) / 2, (box.min[2] + box.max[2]) / 2]);
          return (
            <text key={component.id} class="part-label" x={cx} y={cy} font-size={fontSize} stroke-width={fontSize / 4}>
              {nameIsShort(component)}
            </text>
          );
        })}
    </svg>
  );
}

/** The boxes on their way from the places drawn last to those of the new state. */
function useGlidingBoxes(state: LayoutState): Box[] {
  const target = useMemo(() => state.components.map(boxOf), [state]);
  const [drawn, setDrawn] = useState({ ids: '', boxes: target });
  const latest = useRef(drawn);
  latest.current = drawn;
  const ids = state.components.map(({ id }) => id).join('\n');
  useEffect(() => {
    const from = latest.current;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (still || from.ids !== ids || document.visibilityState !== 'visible') {
      setDrawn({ ids, boxes: target });
      return;
    }
    const start = performance.now();
    let frameId = requestAnimationFrame(function step(now) {
      const share = Math.min(1, (now - start) / GLIDE_MS);
      const eased = 1 - (1 - share) ** 3;
      setDrawn({ ids, boxes: target.map((box, index) => mix(from.boxes[index] ?? box, box, eased)) });
      if (share < 1) frameId = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frameId);
  }, [target]);
  // Until the effect has run, boxes of another list of components would be nonsense.
  return drawn.ids === ids ? drawn.boxes : target;
}

/** Turning by pointer and by arrow keys. */
function useTurning(view: Signal<View>, svg: { current: SVGSVGElement | null }) {
  const last = useRef<{ x: number; y: number } | null>(null);
  const turn = (yaw: number, pitch: number): void => {
    const now = view.value;
    view.value = { yaw: (now.yaw + yaw + 360) % 360, pitch: Math.min(90, Math.max(-90, now.pitch + pitch)) };
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      last.current = { x: event.clientX, y: event.clientY };
      svg.current?.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      if (!last.current) return;
      turn((last.current.x - event.clientX) * 0.5, (event.clientY - last.current.y) * 0.5);
      last.current = { x: event.clientX, y: event.clientY };
    },
    onPointerUp: () => {
      last.current = null;
    },
    onPointerCancel: () => {
      last.current = null;
    },
    onKeyDown: (event: KeyboardEvent) => {
      const step = { ArrowLeft: [10, 0], ArrowRight: [-10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] }[event.key];
      if (!step) return;
      event.preventDefault();
      turn(step[0]!, step[1]!);
    },
  };
}
